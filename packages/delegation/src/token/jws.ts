import { isAscii } from 'node:buffer'
import { Refusal, type RefusalCode } from '@countermark/core'
import {
  AmbiguousJson,
  decodeBase64url,
  isJsonObject,
  isKeyId,
  type JsonObject,
  ownMember,
  parseStrictJson,
} from '@countermark/core/internal'

/** The header of a JWS (RFC 7515 section 4), read. */
export interface JwsHeader {
  /** As sent: equal text means an equal header. */
  readonly headerText: string
  readonly header: JsonObject
  readonly algorithm: string
  /** The media type, lower case, without `application/`; `undefined` when the header has none. */
  readonly type: string | undefined
  readonly keyId: string | undefined
}

/** A compact JWS (RFC 7515 section 7.1) whose shape is sound. Nothing about it is verified yet. */
export interface OpenedJws extends JwsHeader {
  readonly payload: Buffer
  /** What was signed. */
  readonly signingInput: string
  readonly signature: Uint8Array
}

/** The same with a payload that is a JSON object: a JWT (RFC 7519 section 7.2). */
export interface CompactJws extends OpenedJws {
  readonly claims: JsonObject
}

/** What one kind of JWS may look like. */
export interface CompactJwsRules {
  readonly maxLength: number
  /** The refusal that a JWS of this kind gets. */
  readonly code: RefusalCode
  /** Named in messages: `token`, `proof`. */
  readonly noun: string
  /** Header members that a key may stand in; only a DPoP proof has one (RFC 9449 section 4.2). */
  readonly allowedKeyMember?: 'jwk'
  /** Headers that were read before by these rules, by their text. */
  readonly findHeader?: (headerText: string) => JwsHeader | undefined
}

/** A key or its address inside the token would let the token say who may sign it (RFC 8725 section 3.10). */
const FORBIDDEN = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc']

/**
 * Reads a JWT strictly: three parts of canonical base64url, UTF-8, JSON that has one reading, no header member that changes
 * how it is verified. Every token has one spelling, so its bytes may name it in a cache.
 * @throws {@link Refusal} with the code of the rules
 */
export function parseCompactJws(text: string, rules: CompactJwsRules): CompactJws {
  const opened = openCompactJws(text, rules)
  return { ...opened, claims: readObject(opened.payload, refusalsBy(rules)) }
}

/** What may be remembered of a JWS once it is verified: nothing of its payload or its signature. */
export function headerOf({ headerText, header, algorithm, type, keyId }: CompactJws): JwsHeader {
  return { headerText, header, algorithm, type, keyId }
}

/**
 * Reads a JWS as strictly as {@link parseCompactJws}, whatever its payload is.
 * @throws {@link Refusal} with the code of the rules
 */
export function openCompactJws(text: string, rules: CompactJwsRules): OpenedJws {
  const fail = refusalsBy(rules)
  if (text.length > rules.maxLength) throw fail(`must have at most ${rules.maxLength} characters`)
  const [headerText = '', payloadText = '', signatureText = '', ...more] = text.split('.', 4)
  if (more.length > 0 || headerText === '' || signatureText === '') {
    throw fail('must have three parts, header and signature not empty')
  }
  const payload = decodeBase64url(payloadText)
  const signature = decodeBase64url(signatureText)
  if (payload === undefined || signature === undefined) throw fail(NOT_CANONICAL)
  const header = rules.findHeader?.(headerText) ?? readHeader(headerText, rules, fail)
  return { ...header, payload, signingInput: `${headerText}.${payloadText}`, signature }
}

const NOT_CANONICAL = 'must be written in canonical base64url'

type Fail = (why: string) => Refusal

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function refusalsBy({ code, noun }: CompactJwsRules): Fail {
  return (why) => new Refusal(code, `the ${noun} ${why}`)
}

/** ASCII reads alike in every encoding, and nearly all tokens are nothing else. */
function toText(bytes: Buffer): string {
  return isAscii(bytes) ? bytes.toString('latin1') : decoder.decode(bytes)
}

function readObject(bytes: Buffer, fail: Fail): JsonObject {
  try {
    const value = parseStrictJson(toText(bytes))
    if (isJsonObject(value)) return value
  } catch (error) {
    // JSON, UTF-8: the caller's fault, and all there is to say about it.
    if (error instanceof AmbiguousJson) throw fail(`is ambiguous: ${error.message}`)
    throw fail('must hold JSON')
  }
  throw fail('must hold JSON objects')
}

function readHeader(headerText: string, { allowedKeyMember }: CompactJwsRules, fail: Fail): JwsHeader {
  const bytes = decodeBase64url(headerText)
  if (bytes === undefined) throw fail(NOT_CANONICAL)
  const header = readObject(bytes, fail)
  const forbidden = FORBIDDEN.filter((member) => member !== allowedKeyMember)
  if (forbidden.some((member) => Object.hasOwn(header, member))) {
    throw fail(`must not have ${forbidden.join(', ')} in its header`)
  }
  const [algorithm, type, keyId] = ['alg', 'typ', 'kid'].map((name) => ownMember(header, name))
  if (typeof algorithm !== 'string') throw fail('must name its algorithm')
  if (!(type === undefined || typeof type === 'string')) throw fail('must name its type by a string')
  if (!(keyId === undefined || (typeof keyId === 'string' && isKeyId(keyId)))) {
    throw fail('must name its key by at most 256 printable characters')
  }
  return { headerText, header, algorithm, type: type === undefined ? undefined : normaliseType(type), keyId }
}

/** RFC 7515 section 4.1.9: media types compare without case, and `application/` may be left out. */
export function normaliseType(type: string): string {
  return type.toLowerCase().replace(/^application\//, '')
}

const MAX_TEXT = 256

/** Whether a claim is a string that is neither empty nor too long to keep. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT
}

/** Whether a claim is a NumericDate (RFC 7519 section 2): what is beyond the integers of a double is no honest one. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(Math.floor(value))
}
