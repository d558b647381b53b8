import { Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import {
  type Actor,
  isAgentId,
  type JsonValue,
  requireBoolean,
  requireWord,
  stateSettings,
} from '@countermark/core/internal'
import type { FetcherOptions, RefreshTimes } from '@countermark/outbound'
import type { ActorRules } from '../chain/actor-chain.ts'
import { type AlgorithmName, requireAlgorithms, requireNames, requireTexts } from '../option-lists.ts'
import { createIntrospection, type Introspection, type IntrospectionOptions } from '../revocation/introspection.ts'
import { createStatusLists, type StatusLists } from '../revocation/status-list.ts'
import { normaliseType } from '../token/jws.ts'
import type { JoseAlgorithm } from '../token/jws-key.ts'
import { createIssuerKeys, type IssuerKeyPlace, type IssuerKeys } from './issuer-keys.ts'
import { trustDomainOf } from './spiffe.ts'

/** An issuer whose tokens count, and how far. Every loosening has a name. */
export interface IssuerOptions {
  /** Exactly as it stands in `iss`; `spiffe://example.org` for a trust domain, which is known by `sub` instead. */
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
  /** `accept` takes tokens that are meant for nobody in particular. @default 'refuse' */
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

/** What the configuration hash says of an issuer: how it is asked, with which credentials, stays out. */
export function stateIssuer(options: IssuerOptions): Readonly<Record<string, JsonValue>> {
  return stateSettings(options, STATED)
}

const STATED: readonly (keyof IssuerOptions)[] = [
  ...([
    'issuer',
    'aliases',
    'algorithms',
    'types',
    'audience',
    'missingAudience',
    'requiredClaims',
    'maxLifetimeSeconds',
  ] as const),
  ...(['actor', 'actorClaims', 'scopeClaims', 'tokenIdClaim', 'idTokens', 'statusList', 'allowTestKeys'] as const),
]

/** An issuer ready for every request. */
export interface IssuerSettings extends Omit<ActorRules, 'maxDepth'> {
  readonly issuer: string
  readonly aliases: readonly string[]
  /** Whose workloads it names, and no others; `undefined` for an issuer that is no SPIFFE trust domain. */
  readonly trustDomain: string | undefined
  readonly keys: IssuerKeys
  readonly algorithms: readonly JoseAlgorithm[]
  readonly types: ReadonlySet<string>
  readonly audiences: readonly string[] | undefined
  readonly missingAudience: 'refuse' | 'accept'
  readonly requiredClaims: readonly string[]
  readonly expectedClaims: Readonly<Record<string, string | readonly string[]>>
  readonly maxLifetimeSeconds: number
  readonly agentIdOf: (actor: Actor) => string | undefined
  readonly scopeClaims: readonly string[]
  readonly tokenIdClaim: string
  readonly idTokens: 'refuse' | 'accept'
  readonly statusList: 'when-stated' | 'required' | 'ignored'
  readonly statusLists: StatusLists | undefined
  readonly introspection: Introspection | undefined
  readonly allowTestKeys: boolean
}

const KNOWN = [
  ...[
    'issuer',
    'aliases',
    'keys',
    'algorithms',
    'types',
    'audience',
    'missingAudience',
    'requiredClaims',
    'expectedClaims',
  ],
  ...['maxLifetimeSeconds', 'actor', 'actorClaims', 'agentIds', 'scopeClaims', 'tokenIdClaim', 'idTokens'],
  ...['statusList', 'introspection', 'allowTestKeys', 'http', 'times'],
]

const HARD_LIFETIME_SECONDS = 86_400

/**
 * Validates one issuer.
 * @throws {@link Misconfigured}
 */
export function readIssuerOptions(options: IssuerOptions): IssuerSettings {
  requireKnownOptions('issuers', options, KNOWN)
  const { audience, maxLifetimeSeconds = 3600, tokenIdClaim = 'jti', introspection } = options
  const issuer = requireIssuer(options.issuer)
  const allowTestKeys = requireBoolean('allowTestKeys', options.allowTestKeys ?? false)
  const algorithms = requireAlgorithms('algorithms', options.algorithms ?? ['EdDSA', 'ES256', 'PS256', 'RS256'])
  const { keys: place = 'discover', http = {}, times = {} } = options
  const trustDomain = trustDomainOf(issuer)
  requireFittingPlace(place, trustDomain)
  const keys = createIssuerKeys({ issuer, place, algorithms, allowTestKeys, http, times })
  return {
    issuer,
    aliases: requireTexts('aliases', options.aliases ?? []),
    trustDomain,
    keys,
    algorithms,
    types: new Set(requireNames('types', options.types ?? ['at+jwt']).map(normaliseType)),
    audiences: audience === undefined ? undefined : requireNames('audience', [audience].flat()),
    maxLifetimeSeconds: requireNumber('maxLifetimeSeconds', maxLifetimeSeconds, { min: 1, max: HARD_LIFETIME_SECONDS }),
    ...readClaimOptions(options),
    agentIdOf: createAgentIds(issuer, options.agentIds),
    tokenIdClaim: requireNames('tokenIdClaim', [tokenIdClaim])[0] ?? tokenIdClaim,
    ...readStatusOptions(options, { issuer, keys, algorithms, http }),
    introspection: introspection === undefined ? undefined : createIntrospection(introspection, issuer, http),
    allowTestKeys,
  }
}

function requireIssuer(issuer: string): string {
  if (typeof issuer === 'string' && issuer !== '' && issuer.length <= 2048) return issuer
  throw new Misconfigured('ERR_OPTION_MISSING', 'each of issuers must name its issuer exactly as tokens do')
}

/** A bundle holds keys of several uses, a JWK Set of one: neither may be read as the other. */
function requireFittingPlace(place: IssuerKeyPlace, trustDomain: string | undefined): void {
  const isBundle = typeof place === 'object' && ('bundle' in place || 'bundleUri' in place)
  if (isBundle === (trustDomain !== undefined)) return
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'issuers: spiffe:// issuers, and only they, take their keys from a bundle',
  )
}

type ClaimOptions = Pick<
  IssuerSettings,
  'missingAudience' | 'requiredClaims' | 'expectedClaims' | 'actor' | 'actorClaims' | 'scopeClaims' | 'idTokens'
>

function readClaimOptions(options: IssuerOptions): ClaimOptions {
  const { missingAudience = 'refuse', actor = 'required', idTokens = 'refuse', expectedClaims = {} } = options
  requireTexts('expectedClaims', Object.values(expectedClaims).flat())
  return {
    missingAudience: requireWord('missingAudience', missingAudience, ['refuse', 'accept']),
    requiredClaims: requireTexts('requiredClaims', options.requiredClaims ?? ['jti']),
    expectedClaims: { ...expectedClaims },
    actor: requireWord('actor', actor, ['required', 'required-for-users', 'optional']),
    actorClaims: requireTexts('actorClaims', options.actorClaims ?? []),
    scopeClaims: requireTexts('scopeClaims', options.scopeClaims ?? ['scope', 'scopes']),
    idTokens: requireWord('idTokens', idTokens, ['refuse', 'accept']),
  }
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

function readStatusOptions(
  { statusList = 'when-stated' }: IssuerOptions,
  input: Parameters<typeof createStatusLists>[0],
): Pick<IssuerSettings, 'statusList' | 'statusLists'> {
  requireWord('statusList', statusList, ['when-stated', 'required', 'ignored'])
  return { statusList, statusLists: statusList === 'ignored' ? undefined : createStatusLists(input) }
}
