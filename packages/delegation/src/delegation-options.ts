import { type AgentRequest, type KeySource, Misconfigured, requireKnownOptions } from '@countermark/core'
import {
  callback,
  custom,
  flag,
  type JsonValue,
  methods,
  number,
  type OptionRows,
  optionTable,
  type ResourceMetadata,
  requireMetadataPlace,
  undescribed,
  word,
} from '@countermark/core/internal'
import type { AcceptanceRules } from './accept-token.ts'
import { Dpop, type DpopOptions } from './binding/dpop.ts'
import { type CertificateSource, createCertificateHashes } from './binding/mtls.ts'
import { type ChallengeRules, describeTokens } from './challenge.ts'
import { type IssuerOptions, type IssuerSettings, readIssuerOptions, stateIssuer } from './issuers/issuer-options.ts'
import { requireNames } from './option-readers.ts'
import type { Revocations } from './revocation/revocations.ts'
import type { FindToken, TokenField } from './token/presented-token.ts'
import type { TokenRules } from './token/verify-token.ts'

/** How links are taken that agents sign themselves: docs/protocol/offline-delegation.md. */
export interface OfflineDelegationOptions {
  /** Whether a granted scope covers one that is handed on. @default they are equal */
  readonly coversScope?: (granted: string, wanted: string) => boolean
  /** How often a token may be handed on that does not say so by `max_depth`. @default 0 */
  readonly maxLinksUnlessStated?: number
}

/** Options of {@link verifyDelegation}. */
export interface VerifyDelegationOptions {
  /** Whose tokens count. Required. */
  readonly issuers: readonly IssuerOptions[]
  /** Who we are in `aud`. With `only`, a token that names another service as well is refused. Required. */
  readonly audience: string | readonly string[] | { readonly only: string | readonly string[] }
  /** Where the token is; `either`: Agent-Delegation, where Authorization is taken by something else. @default 'either' */
  readonly tokenFrom?: TokenField | 'either'
  /**
   * Finds the token in another place, such as a cookie or `X-Forwarded-Access-Token`; `undefined` where there is none. The
   * places of `tokenFrom` then hold none. Read fields by `request.headers.only(name)`. @default `tokenFrom` says where
   */
  readonly token?: (request: AgentRequest) => string | undefined
  /** Refuse a token that is bound to no key when the request is not signed. @default true */
  readonly requirePoP?: boolean
  /** Let a signature of the request stand for a DPoP proof of the same key. @default false */
  readonly httpSignatureForJkt?: boolean
  /** Take DPoP proofs. @default tokens bound by `jkt` are refused */
  readonly dpop?: DpopOptions
  /** Where client certificates are seen. @default 'connection' */
  readonly clientCertificate?: CertificateSource
  /** Who is known: a suspended agent, or a revoked key, ends a chain in any place of it. @default no agent is looked up */
  readonly agents?: KeySource
  /** What counts of agents that `agents` does not know. @default 'refuse' */
  readonly unknownAgents?: 'refuse' | 'accept'
  /** What was revoked here. @default nothing */
  readonly revocations?: Revocations
  /** Take links that agents sign themselves. @default not taken */
  readonly offline?: OfflineDelegationOptions
  /** Most actors in a chain. @default 4 */
  readonly maxDepth?: number
  /** How far ahead issuers' clocks may be. Seconds; `exp` gets no grace. @default 30 */
  readonly clockSkewSeconds?: number
  /** URL of our RFC 9728 document, or its path on each of our origins, for challenges. */
  readonly resourceMetadata?: string
  /** How many verified tokens are remembered. @default 10_000 */
  readonly rememberedTokens?: number
}

/** Options after validation. */
export interface DelegationSettings {
  readonly tokenFrom: TokenField | 'either' | FindToken
  readonly tokens: TokenRules
  readonly acceptance: AcceptanceRules
  readonly challenge: ChallengeRules
  readonly metadata: ResourceMetadata
  readonly rememberedTokens: number
}

const OFFLINE = optionTable('offline', {
  coversScope: callback<NonNullable<OfflineDelegationOptions['coversScope']>>(),
  maxLinksUnlessStated: number({ min: 0, max: 15, default: 0 }),
})

const ROWS = {
  // Stated by readers of their own, or not at all: what they hold may be secret.
  issuers: undescribed(custom((_name, given) => readIssuers(given as readonly IssuerOptions[]))),
  dpop: undescribed(custom((_name, given) => given as DpopOptions | undefined)),
  audience: custom((name, given) => readAudiences(name, given)),
  tokenFrom: word(['either', 'authorization', 'agent-delegation']),
  token: custom(callback<FindToken>().read),
  requirePoP: flag(true),
  httpSignatureForJkt: flag(false),
  clientCertificate: custom((_name, given = 'connection') => createCertificateHashes(given as CertificateSource)),
  agents: methods<KeySource>(['findKeys']),
  unknownAgents: word(['refuse', 'accept'], 'refuse'),
  revocations: undescribed(methods<Revocations>(['covers', 'isStale', 'size'])),
  offline: custom((_name, given) =>
    given === undefined ? undefined : OFFLINE.read(given as OfflineDelegationOptions),
  ),
  maxDepth: number({ min: 1, max: 16, default: 4 }),
  clockSkewSeconds: number({ min: 0, max: 300, default: 30 }),
  resourceMetadata: custom((name, given) => requireMetadataPlace(name, given as string | undefined)),
  rememberedTokens: undescribed(number({ min: 0, max: 1_000_000, default: 10_000 })),
} satisfies OptionRows<VerifyDelegationOptions>

const TABLE = optionTable('verifyDelegation', ROWS)

/** What the configuration hash says of the options. */
export function stateDelegation(options: VerifyDelegationOptions): Readonly<Record<string, JsonValue>> {
  return { ...TABLE.describe(options), issuers: options.issuers.map(stateIssuer) }
}

/**
 * Validates the options of {@link verifyDelegation}.
 * @throws {@link Misconfigured}
 */
export function readDelegationOptions(options: VerifyDelegationOptions): DelegationSettings {
  const { issuers, audience, offline, clientCertificate, maxDepth, ...given } = TABLE.read(options)
  const { token, tokenFrom, agents, resourceMetadata } = given
  if (token !== undefined && tokenFrom !== undefined) {
    throw invalid('token and tokenFrom both say where the token is: leave one out')
  }
  const allowTestKeys = [...issuers.values()].some((issuer) => issuer.allowTestKeys)
  const dpop = given.dpop === undefined ? undefined : new Dpop(given.dpop, allowTestKeys)
  const { audiences } = audience
  const { coversScope = isEqual, maxLinksUnlessStated = 0 } = offline ?? {}
  const links = { coversScope, maxLinksUnlessStated, audiences, maxDepth, agents, allowTestKeys }
  return {
    tokenFrom: token ?? tokenFrom ?? 'either',
    tokens: { issuers, ...audience, maxDepth, links: offline === undefined ? undefined : links },
    acceptance: { ...given, dpop, findCertificateHash: clientCertificate },
    challenge: { dpop, isElsewhere: token !== undefined, resourceMetadata },
    metadata: describeTokens({
      issuers: options.issuers.map(({ issuer }) => issuer),
      inAuthorization: token === undefined && tokenFrom !== 'agent-delegation',
      // By default a certificate counts where there is one; whether the server asks for one is not known here.
      takesCertificates: options.clientCertificate !== undefined,
      dpop,
    }),
    rememberedTokens: given.rememberedTokens,
  }
}

function readIssuers(issuers: readonly IssuerOptions[]): ReadonlyMap<string, IssuerSettings> {
  if (!Array.isArray(issuers) || issuers.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'issuers must list at least one issuer of tokens')
  }
  const settings = issuers.map(readIssuerOptions)
  const named = settings.flatMap((issuer) => [issuer.issuer, ...issuer.aliases].map((name) => [name, issuer] as const))
  const byName = new Map(named)
  if (byName.size === named.length) return byName
  throw invalid('issuers must list each issuer once')
}

function readAudiences(name: string, given: unknown): Pick<TokenRules, 'audiences' | 'exclusive'> {
  if (given === undefined) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'audience must name this service as tokens do')
  }
  if (typeof given !== 'object' || given === null || !('only' in given)) {
    return { audiences: requireNames(name, given), exclusive: false }
  }
  requireKnownOptions(name, given, ['only'])
  return { audiences: requireNames('audience.only', given.only), exclusive: true }
}

function isEqual(granted: string, wanted: string): boolean {
  return granted === wanted
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
