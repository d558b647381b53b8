import { hash } from 'node:crypto'
import { type AgentRequest, type HeaderField, Refusal } from '@countermark/core'
import {
  type ChallengeContext,
  decodeBase64,
  type HeaderFields,
  isAgentId,
  rowOf,
  then,
} from '@countermark/core/internal'

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

/** The value of a field that may occur once, counted on the raw lines. @throws Refusal `request_malformed` */
export function readOnce(headers: HeaderFields, name: string): string | undefined {
  const lines = headers.lines(name)
  if (lines.length > 1) throw new Refusal('request_malformed', `${name} must occur once`)
  return lines[0]
}

/** The agent that the request names. @throws Refusal `request_malformed`, `signature_malformed` */
export function readAgentId(headers: HeaderFields, name: string): string {
  const value = readOnce(headers, name)
  if (value !== undefined && isAgentId(value)) return value
  throw new Refusal('signature_malformed', `${name} must name an agent`)
}

/** The time as it is signed. @throws Refusal `request_malformed`, `signature_malformed` */
export function readTimestamp(headers: HeaderFields, name: string): string {
  const value = readOnce(headers, name)
  if (value !== undefined && isTimestamp(value)) return value
  throw new Refusal('signature_malformed', `${name} must be Unix seconds: exactly ten digits`)
}

/** The signature's bytes. @throws Refusal `request_malformed`, `signature_malformed` */
export function readSignature(headers: HeaderFields, name: string, isLength: (bytes: number) => boolean): Uint8Array {
  const value = readOnce(headers, name)
  const bytes = value === undefined ? undefined : decodeBase64(value)
  if (bytes !== undefined && isLength(bytes.length)) return bytes
  throw new Refusal('signature_malformed', `${name} must be a signature in padded base64 (RFC 4648 section 4)`)
}

/** Refuses a body that is announced too large, before a byte of it is read. @throws Refusal `body_too_large` */
export function checkLength(bytes: number | undefined, maxBodyBytes: number): void {
  if (bytes === undefined || bytes <= maxBodyBytes) return
  throw new Refusal('body_too_large', `a signed body has at most ${maxBodyBytes} bytes`)
}

/** Builds signed bytes from the body: at once when it is here. @throws Refusal `body_too_large` */
export function withBody(
  request: AgentRequest,
  maxBodyBytes: number,
  build: (body: Uint8Array) => Uint8Array,
): Uint8Array | Promise<Uint8Array> {
  return then(request.body(), (body) => {
    checkLength(body.length, maxBodyBytes)
    return build(body)
  })
}

/** What the nine lines of `simple-v1` say. */
interface SimpleV1Message {
  /** As sent; methods are case-sensitive. */
  readonly method: string
  /** Lower-case, without a default port. */
  readonly authority: string
  /** The request-target in origin-form, byte for byte as sent. */
  readonly target: string
  readonly agentId: string
  /** Ten digits. */
  readonly timestamp: string
  readonly nonce: string
  /** Empty when there is none. */
  readonly body: Uint8Array
  /** The value of `Agent-Delegation` when that field is sent, else of `Authorization`. */
  readonly token: string | undefined
}

/** The bytes that `simple-v1` signs: nine lines without a newline at the end. */
export function buildSimpleV1(message: SimpleV1Message): Buffer {
  const { method, authority, target, agentId, timestamp, nonce, body, token } = message
  const bodyHash = hash('sha256', body, 'base64')
  // Node reads header bytes as latin1: this gives back the bytes that were on the wire.
  const tokenHash = token === undefined ? '-' : hash('sha256', Buffer.from(token, 'latin1'), 'base64')
  const lines = `AGENT-AUTH-V1\n${method}\n${authority}\n${target}\n${agentId}\n${timestamp}\n${nonce}\n${bodyHash}\n${tokenHash}`
  return Buffer.from(lines, 'utf8')
}

/** The bytes that `simple-v0` signs: the body with ten digits behind it. */
export function buildSimpleV0(body: Uint8Array, timestamp: string): Buffer {
  const message = Buffer.allocUnsafe(body.length + timestamp.length)
  message.set(body)
  message.write(timestamp, body.length, 'latin1')
  return message
}

/** The challenge of a simple form (RFC 9110 section 11.6.1); nothing when signing again would not help. */
export function challengeOf(
  { refusal, nonce }: ChallengeContext,
  version: '0' | '1',
  fields: readonly string[],
): readonly HeaderField[] {
  if (rowOf(refusal.code)?.retry !== 'resign') return []
  // Version 0 has no place for a nonce.
  const fresh = version === '1' && nonce !== undefined && isNonce(nonce) ? `, nonce="${nonce}"` : ''
  return [['WWW-Authenticate', `Agent-Auth version="${version}", headers="${fields.join(' ')}"${fresh}`]]
}
