import { type Environment, Misconfigured } from '@countermark/core'
import { addressPrefix, isThenable, type KeyCaller, rememberKeys } from '@countermark/core/internal'
import { type FetcherOptions, OutboundError, RefreshCache, type RefreshTimes } from '@countermark/outbound'
import type { Loaded } from '@countermark/outbound/internal'
import { createLRU } from 'lru.min'
import { configured, createIssuerFetcher, fetchJwksUri, metadataUrlsOf, unavailable } from './documents.ts'
import {
  type IssuerKey,
  type IssuerKeyQuery,
  type IssuerKeyRules,
  type IssuerKeySet,
  MAX_KEYS,
  parseKeySet,
} from './key-set.ts'
import { createIssuerMeasurements, type IssuerMeasurements } from './measurements.ts'
import { openSpiffeBundle } from './spiffe.ts'

/**
 * Where an issuer's keys are: a JWK Set written down, its URL, or whatever its metadata (RFC 8414, OpenID Connect) says; for
 * a trust domain a SPIFFE bundle, written down or its URL.
 */
export type IssuerKeyPlace =
  | { readonly jwks: { readonly keys: readonly object[] } }
  | { readonly jwksUri: string }
  | { readonly bundle: { readonly keys: readonly object[] } }
  | { readonly bundleUri: string }
  | 'discover'

/** The keys of one issuer, kept fresh. */
export interface IssuerKeys {
  /** At once while they are known. @throws Unavailable `key_source_unavailable` when the issuer cannot tell */
  readonly find: (
    query: IssuerKeyQuery,
    environment: Environment,
    caller?: KeyCaller,
  ) => IssuerKey | undefined | Promise<IssuerKey | undefined>
  /** Whether the last fetch failed. */
  readonly isFailing: () => boolean
}

/** What the keys of an issuer are made of. */
export interface IssuerKeysInput extends IssuerKeyRules {
  readonly issuer: string
  readonly place: IssuerKeyPlace
  readonly http: FetcherOptions
  readonly times: RefreshTimes
}

const CONTENT_TYPES = ['application/json', 'application/jwk-set+json']

/**
 * Prepares the keys of one issuer.
 * @throws {@link Misconfigured}
 */
export function createIssuerKeys(input: IssuerKeysInput): IssuerKeys {
  const { place } = input
  if (typeof place === 'object' && 'jwks' in place) return writtenKeys(input, place.jwks)
  if (typeof place === 'object' && 'bundle' in place) return writtenKeys(input, openSpiffeBundle(place.bundle).jwks)
  return new FetchedKeys(input)
}

function writtenKeys(input: IssuerKeysInput, jwks: unknown): IssuerKeys {
  const set = configured('issuers', () => parseKeySet(jwks, input))
  if (set.size === 0 || set.refused > 0) {
    throw new Misconfigured('ERR_KEY_MATERIAL', `issuers: each key of ${input.issuer} must fit one of its algorithms`)
  }
  return { find: (query) => set.find(query), isFailing: () => false }
}

/** All keys of an issuer are one document. */
const SET = 'set'
const MAX_ABSENCES = 4_096

class FetchedKeys implements IssuerKeys {
  readonly #measurements = createIssuerMeasurements('issuer_keys')
  readonly #cache: RefreshCache<IssuerKeySet, Environment>
  /** Keys that the issuer does not have, and until when it is not asked for them again, from no network. */
  readonly #absences = createLRU<string, number>({ max: MAX_ABSENCES })
  readonly #absentMs: number

  constructor(input: IssuerKeysInput) {
    this.#absentMs = input.times.absentMs ?? 60_000
    this.#cache = createCache(input, this.#measurements)
  }

  isFailing(): boolean {
    return this.#measurements.isFailing()
  }

  find(query: IssuerKeyQuery, environment: Environment, caller?: KeyCaller): ReturnType<IssuerKeys['find']> {
    const known = this.#cache.read(SET, environment, caller)
    if (isThenable(known)) return this.#findLater(known, query, environment, caller)
    const key = known?.find(query)
    if (key !== undefined) return key
    if (environment.clock.monotonicMs() < (this.#absences.get(nameOf(query)) ?? 0)) {
      this.#measurements.observe('absent', environment)
      return undefined
    }
    // Counted by where it comes from: names that one network invents must not keep others from a key that is new.
    const newer = this.#cache.recheck(SET, environment, caller)
    return isThenable(newer) ? this.#findLater(newer, query, environment, caller) : newer?.find(query)
  }

  async #findLater(
    answer: Promise<IssuerKeySet | undefined>,
    query: IssuerKeyQuery,
    environment: Environment,
    caller: KeyCaller | undefined,
  ): Promise<IssuerKey | undefined> {
    try {
      const key = (await answer)?.find(query) ?? (await this.#cache.recheck(SET, environment, caller))?.find(query)
      if (key === undefined) this.#absences.set(nameOf(query), environment.clock.monotonicMs() + this.#absentMs)
      return key
    } catch (error) {
      throw unavailable('key_source_unavailable', "the issuer's keys cannot be fetched", error)
    }
  }
}

function nameOf({ keyId, algorithm }: IssuerKeyQuery): string {
  return `${algorithm} ${keyId ?? ''}`
}

function createCache(input: IssuerKeysInput, { observe }: IssuerMeasurements): RefreshCache<IssuerKeySet, Environment> {
  const { times, place } = input
  const fetchSet = createSetFetcher(input)
  const rules = { ...input, importKey: rememberKeys(2 * MAX_KEYS) }
  const isBundle = typeof place === 'object' && 'bundleUri' in place
  return configured(
    'issuers',
    () =>
      new RefreshCache<IssuerKeySet, Environment>({
        times: { ...times, maxEntries: 1 },
        observe,
        sourceOf: addressPrefix,
        load: async ({ previous, signal }): Promise<Loaded<IssuerKeySet>> => {
          const { value, freshForSeconds } = await fetchSet(signal)
          const set = parseKeySet(value, rules)
          // More often a mistake than a wish: the keys that are known stay for as long as a failing endpoint's would. A bundle
          // without keys, though, says that all of them are revoked (SPIFFE Trust Domain and Bundle, section 4.1.3).
          if (set.size === 0 && !(isBundle && set.refused === 0))
            throw new OutboundError('malformed', 'the set holds no key that can be used')
          return { value: set, freshForSeconds, isNews: set.fingerprint !== previous?.fingerprint }
        },
      }),
  )
}

type FetchSet = (signal: AbortSignal) => Promise<Loaded<unknown>>

function createSetFetcher({ issuer, place, http }: IssuerKeysInput): FetchSet {
  const options = { contentTypes: CONTENT_TYPES, ...http }
  if (typeof place === 'object' && 'jwksUri' in place) {
    const fetcher = createIssuerFetcher('issuers[].http', place.jwksUri, options)
    return (signal) => fetcher.fetchJson(place.jwksUri, signal)
  }
  if (typeof place === 'object' && 'bundleUri' in place) return createBundleFetcher(place.bundleUri, options)
  const [url = issuer] = URL.canParse(issuer) ? metadataUrlsOf(issuer) : []
  const fetcher = createIssuerFetcher('issuers[].http', url, options)
  return async (signal) => {
    const jwksUri = await fetchJwksUri(issuer, fetcher, signal)
    return fetcher.fetchJson(jwksUri, signal)
  }
}

function createBundleFetcher(url: string, options: FetcherOptions): FetchSet {
  const fetcher = createIssuerFetcher('issuers[].http', url, options)
  return async (signal) => {
    const { value, freshForSeconds } = await fetcher.fetchJson(url, signal)
    const { jwks, refreshAfterSeconds } = openSpiffeBundle(value)
    return { value: jwks, freshForSeconds: refreshAfterSeconds ?? freshForSeconds }
  }
}
