import { Misconfigured } from '@countermark/core'
import {
  type Actor,
  custom,
  flag,
  isAgentId,
  type JsonValue,
  number,
  type OptionRows,
  optionTable,
  text,
  undescribed,
  word,
} from '@countermark/core/internal'
import type { FetcherOptions, RefreshTimes } from '@countermark/outbound'
import type { ActorRules } from '../chain/actor-chain.ts'
import { type AlgorithmName, algorithms, names, requireNames, requireTexts } from '../option-readers.ts'
import { Introspection, type IntrospectionOptions } from '../revocation/introspection.ts'
import { StatusLists } from '../revocation/status-list.ts'
import type { JoseAlgorithm } from '../token/jose-algorithm.ts'
import { normaliseType } from '../token/jws.ts'
import { createIssuerKeys, type IssuerKeyPlace, type IssuerKeys } from './issuer-keys.ts'
import { trustDomainOf } from './spiffe.ts'

/** An issuer whose tokens count, and how far. Every loosening has a name. */
export interface IssuerOptions {
  /** Exactly as in `iss`; `spiffe://example.org` for a trust domain, which is known by `sub` instead. */
  readonly issuer: string
  /** Other values of `iss` in this issuer's tokens, such as those of an earlier version. @default none */
  readonly aliases?: readonly string[]
  /** @default 'discover' */
  readonly keys?: IssuerKeyPlace
  /** What it signs with; a key that does not say is used with each that fits its type. @default ['EdDSA', 'ES256', 'PS256', 'RS256'] */
  readonly algorithms?: readonly AlgorithmName[]
  /** The header's `typ`; `none` for tokens without one. @default ['at+jwt'] (RFC 9068) */
  readonly types?: readonly string[]
  /** What `aud` must name in this issuer's tokens. @default the verifier's */
  readonly audience?: string | readonly string[]
  /** `accept` takes tokens without `aud`. @default 'refuse' */
  readonly missingAudience?: 'refuse' | 'accept'
  /** Claims besides `iss`, `sub`, `iat` and `exp`. @default ['jti'] */
  readonly requiredClaims?: readonly string[]
  /** Claims with a fixed value, such as a tenant, or with one of several. @default {} */
  readonly expectedClaims?: Readonly<Record<string, string | readonly string[]>>
  /** Longest life of a token. Seconds, 86 400 at most. @default 3600 */
  readonly maxLifetimeSeconds?: number
  /** Whether tokens must name an actor. @default 'required' */
  readonly actor?: ActorRules['actor']
  /** Claims that name the agent where the issuer writes no `act`, such as `azp`. @default [] */
  readonly actorClaims?: readonly string[]
  /** The issuer's names of agents and ours. @default the same, for actors in the issuer's own namespace */
  readonly agentIds?: Readonly<Record<string, string>> | ((actor: Actor) => string | undefined)
  /** Claims that hold the scopes; the first that is there counts. @default ['scope', 'scopes'] */
  readonly scopeClaims?: readonly string[]
  /** @default 'jti' */
  readonly tokenIdClaim?: string
  /** `accept` takes tokens that look like ID tokens. @default 'refuse' */
  readonly idTokens?: 'refuse' | 'accept'
  /** Whether tokens are looked up in the status list they name. @default 'when-stated' */
  readonly statusList?: 'when-stated' | 'required' | 'ignored'
  /** Asks the issuer about each token. @default it is not asked */
  readonly introspection?: IntrospectionOptions
  /** Accept keys printed in public documents. @default false */
  readonly allowTestKeys?: boolean
  /** How the issuer's documents are fetched. */
  readonly http?: FetcherOptions
  /** How its keys are kept fresh. */
  readonly times?: RefreshTimes
}

/** Options that are used as they are given, with their defaults. */
type Kept = Omit<
  Required<IssuerOptions>,
  'keys' | 'algorithms' | 'types' | 'audience' | 'agentIds' | 'introspection' | 'http' | 'times'
>

/** An issuer ready for every request. */
export interface IssuerSettings extends Kept {
  /** Whose workloads it names, and no others; `undefined` for an issuer that is no SPIFFE trust domain. */
  readonly trustDomain: string | undefined
  readonly keys: IssuerKeys
  readonly algorithms: readonly JoseAlgorithm[]
  readonly types: ReadonlySet<string>
  readonly audiences: readonly string[] | undefined
  readonly agentIdOf: (actor: Actor) => string | undefined
  readonly statusLists: StatusLists | undefined
  readonly introspection: Introspection | undefined
}

const ROWS = {
  issuer: custom((_name, given) => requireIssuer(given)),
  aliases: names([]),
  keys: undescribed(custom((_name, given = 'discover') => given as IssuerKeyPlace)),
  algorithms: algorithms(['EdDSA', 'ES256', 'PS256', 'RS256']),
  types: custom((name, given = ['at+jwt']) => requireNames(name, given)),
  audience: custom((name, given) => (given === undefined ? undefined : requireNames(name, given))),
  missingAudience: word(['refuse', 'accept'], 'refuse'),
  requiredClaims: names(['jti']),
  expectedClaims: undescribed(custom((name, given = {}) => readExpectedClaims(name, given))),
  maxLifetimeSeconds: number({ min: 1, max: 86_400, default: 3600 }),
  actor: word(['required', 'required-for-users', 'optional'], 'required'),
  actorClaims: names([]),
  agentIds: undescribed(custom((_name, given) => given as IssuerOptions['agentIds'])),
  scopeClaims: names(['scope', 'scopes']),
  tokenIdClaim: text('jti'),
  idTokens: word(['refuse', 'accept'], 'refuse'),
  statusList: word(['when-stated', 'required', 'ignored'], 'when-stated'),
  // How the issuer is asked, with which credentials, stays out of the configuration hash.
  introspection: undescribed(custom((_name, given) => given as IntrospectionOptions | undefined)),
  allowTestKeys: flag(false),
  http: undescribed(custom((_name, given = {}) => given as FetcherOptions)),
  times: undescribed(custom((_name, given = {}) => given as RefreshTimes)),
} satisfies OptionRows<IssuerOptions>

const TABLE = optionTable('issuers', ROWS)

/** What the configuration hash says of an issuer. */
export function stateIssuer(options: IssuerOptions): Readonly<Record<string, JsonValue>> {
  return TABLE.describe(options)
}

/**
 * Validates one issuer.
 * @throws {@link Misconfigured}
 */
export function readIssuerOptions(options: IssuerOptions): IssuerSettings {
  const { keys: place, http, times, audience, agentIds, introspection, types, ...kept } = TABLE.read(options)
  const { issuer, statusList } = kept
  const trustDomain = trustDomainOf(issuer)
  requireFittingPlace(place, trustDomain)
  const keys = createIssuerKeys({ ...kept, place, http, times })
  return {
    ...kept,
    trustDomain,
    keys,
    types: new Set(types.map(normaliseType)),
    audiences: audience,
    agentIdOf: createAgentIds(issuer, agentIds),
    statusLists: statusList === 'ignored' ? undefined : new StatusLists({ ...kept, keys, http }),
    introspection: introspection === undefined ? undefined : new Introspection(introspection, issuer, http),
  }
}

function requireIssuer(issuer: unknown): string {
  if (typeof issuer === 'string' && issuer !== '' && issuer.length <= 2048) return issuer
  throw new Misconfigured('ERR_OPTION_MISSING', 'each of issuers must name its issuer exactly as tokens do')
}

function readExpectedClaims(name: string, given: unknown): Readonly<Record<string, string | readonly string[]>> {
  const claims = { ...(given as Readonly<Record<string, string | readonly string[]>>) }
  requireTexts(name, Object.values(claims).flat())
  return claims
}

/** A bundle holds keys of several uses, a JWK Set of one: neither may be read as the other. */
function requireFittingPlace(place: IssuerKeyPlace, trustDomain: string | undefined): void {
  const isBundle = typeof place === 'object' && ('bundle' in place || 'bundleUri' in place)
  if (isBundle === (trustDomain !== undefined)) return
  const message = 'issuers: spiffe:// issuers, and only they, take their keys from a bundle'
  throw new Misconfigured('ERR_OPTION_INVALID', message)
}

function createAgentIds(issuer: string, agentIds: IssuerOptions['agentIds']): IssuerSettings['agentIdOf'] {
  const valid = (id: string | undefined): string | undefined => (id !== undefined && isAgentId(id) ? id : undefined)
  if (typeof agentIds === 'function') return (actor) => valid(agentIds(actor))
  const isOwn = (actor: Actor): boolean => actor.issuer === undefined || actor.issuer === issuer
  if (agentIds === undefined) return (actor) => (isOwn(actor) ? valid(actor.id) : undefined)
  const ids = new Map(Object.entries(agentIds))
  if (![...ids.values()].every((id) => typeof id === 'string' && isAgentId(id))) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'agentIds must map ids of the issuer to ids of agents')
  }
  return (actor) => (isOwn(actor) ? ids.get(actor.id) : undefined)
}
