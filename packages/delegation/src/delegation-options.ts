import { type AgentRequest, type KeySource, Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { type ResourceMetadata, requireBoolean, requireMetadataPlace, requireWord } from '@countermark/core/internal'
import type { AcceptanceRules } from './accept-token.ts'
import { createDpop, type Dpop, type DpopOptions } from './binding/dpop.ts'
import { type CertificateSource, createCertificateHashes } from './binding/mtls.ts'
import type { LinkRules } from './chain/link.ts'
import { type ChallengeRules, describeTokens } from './challenge.ts'
import { type IssuerOptions, type IssuerSettings, readIssuerOptions } from './issuers/issuer-options.ts'
import { requireNames } from './option-lists.ts'
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
  /** Where the token stands; `either`: Agent-Delegation, where Authorization is taken by something else. @default 'either' */
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
  /** Who is known: a suspended agent, or a revoked key, ends a chain wherever it stands in it. @default nobody is looked up */
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

const KNOWN = [
  ...['issuers', 'audience', 'tokenFrom', 'token', 'requirePoP', 'httpSignatureForJkt', 'dpop', 'clientCertificate'],
  ...['agents', 'unknownAgents', 'revocations', 'offline', 'maxDepth', 'clockSkewSeconds'],
  ...['resourceMetadata', 'rememberedTokens'],
]

/** Options that the configuration hash is made of: nothing that may hold a secret, such as `dpop.nonceSecret`. */
export const STATED_OPTIONS: readonly (keyof VerifyDelegationOptions)[] = [
  ...(['audience', 'tokenFrom', 'requirePoP', 'httpSignatureForJkt', 'clientCertificate', 'agents'] as const),
  ...(['token', 'unknownAgents', 'offline', 'maxDepth', 'clockSkewSeconds', 'resourceMetadata'] as const),
]

/**
 * Validates the options of {@link verifyDelegation}.
 * @throws {@link Misconfigured}
 */
export function readDelegationOptions(options: VerifyDelegationOptions): DelegationSettings {
  requireKnownOptions('verifyDelegation', options, KNOWN)
  const { rememberedTokens = 10_000, maxDepth = 4, resourceMetadata } = options
  const issuers = readIssuers(options.issuers)
  const allowTestKeys = [...issuers.values()].some((issuer) => issuer.allowTestKeys)
  const { audiences, exclusive } = readAudiences(options.audience)
  const agents = readAgents(options.agents)
  requireNumber('maxDepth', maxDepth, { min: 1, max: 16 })
  const dpop = options.dpop === undefined ? undefined : createDpop(options.dpop, allowTestKeys)
  const links = readOffline(options.offline, { audiences, maxDepth, agents, allowTestKeys })
  return {
    tokenFrom: readPlace(options),
    tokens: { issuers, audiences, exclusive, maxDepth, links },
    acceptance: readAcceptance(options, dpop, agents),
    challenge: {
      dpop,
      isElsewhere: options.token !== undefined,
      resourceMetadata: requireMetadataPlace('resourceMetadata', resourceMetadata),
    },
    metadata: describeTokens({
      issuers: options.issuers.map(({ issuer }) => issuer),
      inAuthorization: options.token === undefined && options.tokenFrom !== 'agent-delegation',
      // By default a certificate counts where there is one; whether the server asks for one is not known here.
      takesCertificates: options.clientCertificate !== undefined,
      dpop,
    }),
    rememberedTokens: requireNumber('rememberedTokens', rememberedTokens, { min: 0, max: 1_000_000 }),
  }
}

function readPlace({ token, tokenFrom }: VerifyDelegationOptions): DelegationSettings['tokenFrom'] {
  if (token === undefined) {
    return requireWord<TokenField | 'either'>('tokenFrom', tokenFrom ?? 'either', [
      'either',
      'authorization',
      'agent-delegation',
    ])
  }
  if (typeof token !== 'function')
    throw new Misconfigured('ERR_OPTION_INVALID', 'token must be a function of the request')
  if (tokenFrom === undefined) return token
  throw new Misconfigured('ERR_OPTION_INVALID', 'token and tokenFrom both say where the token stands: leave one out')
}

function readIssuers(issuers: readonly IssuerOptions[]): ReadonlyMap<string, IssuerSettings> {
  if (!Array.isArray(issuers) || issuers.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'issuers must list at least one issuer of tokens')
  }
  const settings = issuers.map(readIssuerOptions)
  const names = settings.flatMap((issuer) => [issuer.issuer, ...issuer.aliases].map((name) => [name, issuer] as const))
  const byName = new Map(names)
  if (byName.size === names.length) return byName
  throw new Misconfigured('ERR_OPTION_INVALID', 'issuers must list each issuer once')
}

function readAudiences(audience: VerifyDelegationOptions['audience']): Pick<TokenRules, 'audiences' | 'exclusive'> {
  if (typeof audience === 'object' && audience !== null && 'only' in audience) {
    requireKnownOptions('audience', audience, ['only'])
    return { audiences: requireNames('audience.only', [audience.only].flat()), exclusive: true }
  }
  if (audience !== undefined) return { audiences: requireNames('audience', [audience].flat()), exclusive: false }
  throw new Misconfigured('ERR_OPTION_MISSING', 'audience must name this service as tokens do')
}

function readAgents(agents: KeySource | undefined): KeySource | undefined {
  if (agents === undefined || typeof agents?.findKeys === 'function') return agents
  throw new Misconfigured('ERR_OPTION_INVALID', 'agents must be a source of keys, such as registry(…)')
}

function readAcceptance(
  options: VerifyDelegationOptions,
  dpop: Dpop | undefined,
  agents: KeySource | undefined,
): AcceptanceRules {
  const { requirePoP = true, httpSignatureForJkt = false, clockSkewSeconds = 30, revocations } = options
  const { unknownAgents = 'refuse' } = options
  if (revocations !== undefined && typeof revocations?.covers !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'revocations must come from createRevocations()')
  }
  return {
    requirePoP: requireBoolean('requirePoP', requirePoP),
    httpSignatureForJkt: requireBoolean('httpSignatureForJkt', httpSignatureForJkt),
    dpop,
    findCertificateHash: createCertificateHashes(options.clientCertificate ?? 'connection'),
    clockSkewSeconds: requireNumber('clockSkewSeconds', clockSkewSeconds, { min: 0, max: 300 }),
    agents,
    unknownAgents: requireWord('unknownAgents', unknownAgents, ['refuse', 'accept']),
    revocations,
  }
}

function readOffline(
  options: OfflineDelegationOptions | undefined,
  shared: Pick<LinkRules, 'audiences' | 'maxDepth' | 'agents' | 'allowTestKeys'>,
): LinkRules | undefined {
  if (options === undefined) return undefined
  requireKnownOptions('offline', options, ['coversScope', 'maxLinksUnlessStated'])
  const { coversScope = isEqual, maxLinksUnlessStated = 0 } = options
  if (typeof coversScope !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'offline.coversScope must be a function')
  }
  requireNumber('offline.maxLinksUnlessStated', maxLinksUnlessStated, { min: 0, max: 15 })
  return { coversScope, maxLinksUnlessStated, ...shared }
}

function isEqual(granted: string, wanted: string): boolean {
  return granted === wanted
}
