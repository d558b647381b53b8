import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import { type Environment, Refusal } from '@countermark/core'
import {
  addressPrefix,
  decodeBase64url,
  isJsonObject,
  isThenable,
  type JsonObject,
  type KeyCaller,
  ownMember,
} from '@countermark/core/internal'
import {
  createFetcher,
  type Fetcher,
  type FetcherOptions,
  OutboundError,
  RefreshCache,
  type RefreshTimes,
} from '@countermark/outbound'
import type { Loaded, LoadRequest } from '@countermark/outbound/internal'
import { configured, unavailable } from '../issuers/documents.ts'
import type { IssuerKeys } from '../issuers/issuer-keys.ts'
import { createIssuerMeasurements } from '../issuers/measurements.ts'
import { verifyIssuerSignature } from '../token/issuer-signature.ts'
import { findAccepted, type JoseAlgorithm } from '../token/jose-algorithm.ts'
import { isTime, parseCompactJws } from '../token/jws.ts'

/** The statuses of many tokens. */
export interface StatusList {
  /** `undefined` beyond the end of the list. 0 is valid, everything else is not. */
  readonly at: (index: number) => number | undefined
}

const inflateAsync = promisify(inflate)

const WIDTHS = [1, 2, 4, 8]
const MAX_BYTES = 5 * 1024 * 1024

/**
 * Opens the `status_list` of a Token Status List (draft-ietf-oauth-status-list section 4): zlib in base64url, so many bits a
 * status, the first one in the lowest bits.
 * @throws OutboundError `malformed`, `too_large`
 */
export async function openStatusList(value: unknown): Promise<StatusList> {
  if (!isJsonObject(value)) throw new OutboundError('malformed', 'expected a status_list')
  const [bits, packed] = ['bits', 'lst'].map((name) => ownMember(value, name))
  const compressed = typeof packed === 'string' ? decodeBase64url(packed) : undefined
  if (typeof bits !== 'number' || !WIDTHS.includes(bits) || compressed === undefined) {
    throw new OutboundError('malformed', 'expected bits of 1, 2, 4 or 8 and lst in base64url')
  }
  const bytes = await inflateBounded(compressed)
  const perByte = 8 / bits
  const mask = 2 ** bits - 1
  return {
    at: (index) => {
      const byte = bytes[Math.floor(index / perByte)]
      return byte === undefined ? undefined : (byte >> ((index % perByte) * bits)) & mask
    },
  }
}

async function inflateBounded(compressed: Uint8Array): Promise<Uint8Array> {
  try {
    return await inflateAsync(compressed, { maxOutputLength: MAX_BYTES })
  } catch (cause) {
    const isTooLarge = cause instanceof RangeError
    throw new OutboundError(isTooLarge ? 'too_large' : 'malformed', 'the status list cannot be inflated', { cause })
  }
}

/** Where a token's status is. */
export interface StatusReference {
  readonly uri: string
  readonly index: number
}

/** A status list with the end that its issuer gave it. */
export interface FetchedStatusList extends StatusList {
  /** Unix seconds. */
  readonly expiresAt: number | undefined
}

/** Whose lists they are and how they are read. */
export interface StatusListsInput {
  readonly issuer: string
  readonly keys: IssuerKeys
  readonly algorithms: readonly JoseAlgorithm[]
  readonly http: FetcherOptions
}

/**
 * Reads where a token's status is; `undefined` when the token does not say.
 * @throws {@link Refusal} `token_invalid` for a status that is not understood
 */
export function parseStatusReference(claims: JsonObject): StatusReference | undefined {
  if (!Object.hasOwn(claims, 'status')) return undefined
  const status = ownMember(claims, 'status')
  const list = isJsonObject(status) ? ownMember(status, 'status_list') : undefined
  const [uri, index] = ['uri', 'idx'].map((name) => (isJsonObject(list) ? ownMember(list, name) : undefined))
  if (typeof uri === 'string' && typeof index === 'number' && Number.isSafeInteger(index) && index >= 0) {
    return Object.freeze({ uri, index })
  }
  throw new Refusal('token_invalid', 'the token must say its status by a status_list with idx and uri')
}

/** Revocation is asked for often and must not be old: a list is renewed each minute and counts for a quarter of an hour. */
const TIMES: RefreshTimes = { refreshAfterMs: 60_000, maxAgeMs: 300_000, staleIfErrorMs: 900_000, maxEntries: 256 }
const MAX_TOKEN_BYTES = 4 * 1024 * 1024
const CONTENT_TYPES = ['application/statuslist+jwt']

/** The status lists of one issuer, fetched and kept fresh. */
export class StatusLists {
  readonly #measurements = createIssuerMeasurements('status_list')
  readonly #cache: RefreshCache<FetchedStatusList, Environment>

  /** @throws Misconfigured */
  constructor(input: StatusListsInput) {
    const http = { maxBytes: MAX_TOKEN_BYTES, ...input.http, contentTypes: CONTENT_TYPES }
    const fetcher = configured('statusList', () => createFetcher(http))
    const load = (request: LoadRequest<FetchedStatusList, Environment>): ReturnType<typeof fetchList> =>
      fetchList(request, input, fetcher)
    this.#cache = new RefreshCache({ times: TIMES, observe: this.#measurements.observe, sourceOf: addressPrefix, load })
  }

  /** Whether the last fetch failed. */
  isFailing(): boolean {
    return this.#measurements.isFailing()
  }

  /** @throws Refusal `token_revoked` @throws Unavailable `revocation_unavailable` */
  check({ uri, index }: StatusReference, environment: Environment, caller?: KeyCaller): void | Promise<void> {
    const list = this.#cache.read(uri, environment, caller)
    if (!isThenable(list)) return requireValid(list, index, environment)
    return list.then(
      (read) => requireValid(read, index, environment),
      (cause: unknown) => {
        throw unavailable('revocation_unavailable', 'the status list cannot be read', cause)
      },
    )
  }
}

/** A status that is not known here is not valid: it has a meaning for its issuer. */
function requireValid(list: FetchedStatusList | undefined, index: number, { clock }: Environment): void {
  if (list === undefined || !(clock.wallMs() / 1000 < (list.expiresAt ?? Number.POSITIVE_INFINITY))) {
    throw unavailable('revocation_unavailable', 'the status list has ended', undefined)
  }
  if (list.at(index) === 0) return
  throw new Refusal('token_revoked', 'the status list says that the token does not count')
}

async function fetchList(
  request: LoadRequest<FetchedStatusList, Environment>,
  input: StatusListsInput,
  fetcher: Fetcher,
): Promise<Loaded<FetchedStatusList>> {
  const { key: uri, context, signal } = request
  const { text, freshForSeconds } = await fetcher.fetchText(uri, signal)
  const { list, ttl } = await verifyStatusListToken(text, { ...input, uri }, context)
  const leftSeconds = (list.expiresAt ?? Number.POSITIVE_INFINITY) - context.clock.wallMs() / 1000
  // Section 8.1 of the draft: what the token says outranks the cache headers.
  const fresh = Math.min(ttl ?? freshForSeconds ?? Number.POSITIVE_INFINITY, leftSeconds)
  return { value: list, ...(Number.isFinite(fresh) ? { freshForSeconds: fresh } : {}) }
}

const RULES = { maxLength: MAX_TOKEN_BYTES, code: 'token_malformed', noun: 'status list token' } as const

/**
 * Reads a Status List Token (draft-ietf-oauth-status-list section 5.1): signed by the issuer of the tokens, for this URI, in
 * its time.
 * @throws OutboundError `malformed` @throws Refusal
 */
export async function verifyStatusListToken(
  text: string,
  input: Pick<StatusListsInput, 'issuer' | 'keys' | 'algorithms'> & { readonly uri: string },
  environment: Environment,
): Promise<{ readonly list: FetchedStatusList; readonly ttl: number | undefined }> {
  const jws = parseCompactJws(text.trim(), RULES)
  const algorithm = findAccepted(jws.algorithm, input.algorithms)
  if (jws.type !== 'statuslist+jwt' || algorithm === undefined) {
    throw new OutboundError('malformed', 'expected a status list token of an accepted algorithm')
  }
  const key = await input.keys.find({ keyId: jws.keyId, algorithm }, environment)
  if (key === undefined) throw new OutboundError('malformed', 'the status list is signed with an unknown key')
  await verifyIssuerSignature(text.trim(), key, 'token_invalid')
  const { ttl, expiresAt } = parseListClaims(jws.claims, input, environment.clock.wallMs() / 1000)
  return { list: { ...(await openStatusList(ownMember(jws.claims, 'status_list'))), expiresAt }, ttl }
}

function parseListClaims(
  claims: JsonObject,
  expected: { readonly issuer: string; readonly uri: string },
  now: number,
): { readonly ttl: number | undefined; readonly expiresAt: number | undefined } {
  const [uri, issuer, issuedAt, expiresAt, ttl] = ['sub', 'iss', 'iat', 'exp', 'ttl'].map((name) =>
    ownMember(claims, name),
  )
  const isOurs = uri === expected.uri && (issuer === undefined || issuer === expected.issuer)
  if (!isOurs || !isTime(issuedAt) || !isOptionalTime(expiresAt) || !isOptionalTime(ttl)) {
    throw new OutboundError('malformed', 'the status list token is meant for something else')
  }
  if (!(issuedAt <= now + 60 && now < (expiresAt ?? Number.POSITIVE_INFINITY))) {
    throw new OutboundError('malformed', 'the status list token is outside its time')
  }
  return { ttl, expiresAt }
}

function isOptionalTime(value: unknown): value is number | undefined {
  return value === undefined || (isTime(value) && value >= 0)
}
