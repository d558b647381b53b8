import { type AgentRequest, Refusal } from '@countermark/core'
import { decodeBase64, type HeaderFields, isAgentId, isThenable } from '@countermark/core/internal'

/** Ten digits, or the end of the body and the start of the time could change places. */
const TIMESTAMP = /^[0-9]{10}$/

/** Unreserved characters and those of base64: safe in a header, in a line and in a store's key. */
const NONCE = /^[A-Za-z0-9._~+/=:-]{1,128}$/

/** Whether a string may be the `Nonce` of a request. */
export function isNonce(text: string): boolean {
  return NONCE.test(text)
}

/** Whether a string may be the `Timestamp` of a request. */
export function isTimestamp(text: string): boolean {
  return TIMESTAMP.test(text)
}

/**
 * The value of a field that may occur once, counted on the raw lines.
 * @throws {@link Refusal} `request_malformed`
 */
export function readOnce(headers: HeaderFields, name: string): string | undefined {
  const lines = headers.lines(name)
  if (lines.length > 1) throw new Refusal('request_malformed', `${name} must occur once`)
  return lines[0]
}

/**
 * The agent that the request names.
 * @throws {@link Refusal} `request_malformed`, `signature_malformed`
 */
export function readAgentId(headers: HeaderFields, name: string): string {
  const value = readOnce(headers, name)
  if (value !== undefined && isAgentId(value)) return value
  throw new Refusal('signature_malformed', `${name} must name an agent`)
}

/**
 * The time as it is signed.
 * @throws {@link Refusal} `request_malformed`, `signature_malformed`
 */
export function readTimestamp(headers: HeaderFields, name: string): string {
  const value = readOnce(headers, name)
  if (value !== undefined && isTimestamp(value)) return value
  throw new Refusal('signature_malformed', `${name} must be Unix seconds: exactly ten digits`)
}

/**
 * The signature's bytes.
 * @throws {@link Refusal} `request_malformed`, `signature_malformed`
 */
export function readSignature(headers: HeaderFields, name: string, isLength: (bytes: number) => boolean): Uint8Array {
  const value = readOnce(headers, name)
  const bytes = value === undefined ? undefined : decodeBase64(value)
  if (bytes !== undefined && isLength(bytes.length)) return bytes
  throw new Refusal('signature_malformed', `${name} must be a signature in padded base64 (RFC 4648 section 4)`)
}

/**
 * Refuses a body that is announced too large, before a byte of it is read.
 * @throws {@link Refusal} `body_too_large`
 */
export function checkLength(bytes: number | undefined, maxBodyBytes: number): void {
  if (bytes === undefined || bytes <= maxBodyBytes) return
  throw new Refusal('body_too_large', `a signed body has at most ${maxBodyBytes} bytes`)
}

/**
 * Builds signed bytes from the body: at once when it is here.
 * @throws {@link Refusal} `body_too_large`
 */
export function withBody(
  request: AgentRequest,
  maxBodyBytes: number,
  build: (body: Uint8Array) => Uint8Array,
): Uint8Array | Promise<Uint8Array> {
  const checkAndBuild = (body: Uint8Array): Uint8Array => {
    checkLength(body.length, maxBodyBytes)
    return build(body)
  }
  const body = request.body()
  return isThenable(body) ? body.then(checkAndBuild) : checkAndBuild(body)
}
