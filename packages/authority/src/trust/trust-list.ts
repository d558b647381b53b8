import { hash } from 'node:crypto'
import { type Environment, isRefusal } from '@countermark/core'
import { canonicalJson, type JsonObject, ownMember } from '@countermark/core/internal'
import { createJwsKey, isTime, parseCompactJws, parseKeySet, toJoseAlgorithm } from '@countermark/delegation/internal'
import { LIST_ENTRIES, type ListEntry } from './trust-schemas.ts'

/** Media type of a signed trust list, and `typ` of its header. */
export const TRUST_LIST_TYPE = 'countermark-trust-list+jwt'
/** Longest list: in bytes as it is fetched. */
export const LONGEST_LIST = 262_144
/** How long a list may count at most. Seconds. */
export const LONGEST_LIFE_SECONDS: number = 31 * 86_400

/** Why a list is not taken. */
export const LIST_FAILURES = [
  'unreachable',
  'too_large',
  'malformed',
  'issuer_mismatch',
  'key_not_pinned',
  'signature_invalid',
  'expired',
  'rolled_back',
] as const

/** One of {@link LIST_FAILURES}. */
export type ListFailure = (typeof LIST_FAILURES)[number]

/** A list that is not taken; the one before it goes on counting until it ends. */
export class ListRefused extends Error {
  override readonly name = 'ListRefused'
  readonly failure: ListFailure

  constructor(failure: ListFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.failure = failure
  }
}

/** A list that verified. Times are Unix seconds. */
export interface VerifiedList {
  readonly number: number
  readonly issuedAt: number
  readonly expiresAt: number
  /** Thumbprints of the keys that sign the lists after it (RFC 7638). */
  readonly keys: readonly string[]
  readonly entries: readonly ListEntry[]
  /** Equal for lists that say the same. */
  readonly digest: string
}

/** What a list must be of, and come after. */
export interface ListRules {
  readonly issuer: string
  /** Thumbprints (RFC 7638) of keys that may sign it. */
  readonly keys: readonly string[]
  /** The last list that was taken. */
  readonly last: Pick<VerifiedList, 'number' | 'issuedAt' | 'digest'> | undefined
  readonly environment: Environment
}

const READING = {
  maxLength: LONGEST_LIST,
  code: 'token_malformed',
  noun: 'trust list',
  // The list carries the key; only its thumbprint, which was pinned, makes it count.
  allowedKeyMember: 'jwk',
} as const
const MOST_KEYS = 10
const SKEW_SECONDS = 60
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/** Verifies a signed trust list. @throws ListRefused */
export function verifyTrustList(text: string, rules: ListRules): VerifiedList {
  const jws = openList(text)
  requireSigned(jws, rules)
  const { claims } = jws
  if (ownMember(claims, 'iss') !== rules.issuer)
    throw new ListRefused('issuer_mismatch', 'the list is not of the issuer that was imported')
  const list = readList(claims)
  const now = rules.environment.clock.wallMs() / 1000
  if (!(list.issuedAt <= now + SKEW_SECONDS)) throw new ListRefused('malformed', 'iat must not be in the future')
  if (!(now < list.expiresAt)) throw new ListRefused('expired', 'the list has expired')
  requireLater(list, rules.last)
  return list
}

function openList(text: string): ReturnType<typeof parseCompactJws> {
  try {
    const jws = parseCompactJws(text, READING)
    if (jws.type === TRUST_LIST_TYPE) return jws
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new ListRefused('malformed', error.message, error)
  }
  throw new ListRefused('malformed', `expected typ ${TRUST_LIST_TYPE}`)
}

function requireSigned(jws: ReturnType<typeof openList>, { keys, environment }: ListRules): void {
  const algorithm = toJoseAlgorithm(jws.algorithm)
  const allowed = { algorithms: ['EdDSA', 'ES256'], allowTestKeys: false } as const
  if (algorithm !== 'EdDSA' && algorithm !== 'ES256') throw new ListRefused('malformed', 'expected alg EdDSA or ES256')
  const key = parseKeySet({ keys: [ownMember(jws.header, 'jwk')] }, allowed).find({ keyId: undefined, algorithm })
  if (key === undefined || !keys.includes(key.thumbprint))
    throw new ListRefused('key_not_pinned', 'the list is signed by a key that is not pinned')
  if (!createJwsKey(algorithm, key).verifies(jws, environment))
    throw new ListRefused('signature_invalid', 'the signature does not hold')
}

function readList(claims: JsonObject): VerifiedList {
  const [number, issuedAt, expiresAt, keys, entries] = ['number', 'iat', 'exp', 'keys', 'entries'].map((name) =>
    ownMember(claims, name),
  )
  if (!isTime(number) || !Number.isInteger(number) || number < 1)
    throw new ListRefused('malformed', 'expected number, a positive integer')
  if (!isTime(issuedAt) || !isTime(expiresAt) || !(expiresAt - issuedAt <= LONGEST_LIFE_SECONDS))
    throw new ListRefused('malformed', 'expected iat and exp, 31 days apart at most')
  const read = LIST_ENTRIES.safeParse(entries)
  if (!read.success || !isUnique(read.data.map(({ issuer }) => issuer)))
    throw new ListRefused('malformed', 'expected entries by the schema, each issuer once')
  const digest = hash('sha256', canonicalJson(read.data), 'base64url')
  return { number, issuedAt, expiresAt, keys: readThumbprints(keys), entries: read.data, digest }
}

function readThumbprints(keys: unknown): readonly string[] {
  const isList = Array.isArray(keys) && keys.length > 0 && keys.length <= MOST_KEYS
  if (isList && keys.every((key) => typeof key === 'string' && THUMBPRINT.test(key))) return keys
  throw new ListRefused('malformed', 'expected keys, thumbprints of the keys that sign the next list')
}

/** Of one number there is one list: the same entries, signed again later. */
function requireLater({ number, issuedAt, digest }: VerifiedList, last: ListRules['last']): void {
  if (last === undefined || number > last.number) return
  if (number < last.number) throw new ListRefused('rolled_back', 'the number is lower than that of the last list')
  if (digest !== last.digest) throw new ListRefused('rolled_back', 'another list has the same number')
  if (issuedAt < last.issuedAt) throw new ListRefused('rolled_back', 'the list is older than the last one')
}

function isUnique(names: readonly string[]): boolean {
  return new Set(names).size === names.length
}
