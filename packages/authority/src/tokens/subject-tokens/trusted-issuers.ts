import { Misconfigured } from '@countermark/core'
import type { IssuerOptions } from '@countermark/delegation'
import { type IssuerSettings, readIssuerOptions } from '@countermark/delegation/internal'

/** Whose users may let agents act for them, and how far. */
export interface UserIssuer extends IssuerOptions {
  /**
   * Which agents may exchange a user's token: those that its `may_act` names (RFC 8693 section 4.4), or each one that has it.
   * @default 'stated'
   */
  readonly mayAct?: 'stated' | 'any-agent'
  /** What its users may hand on. @default the scopes of the token */
  readonly scopes?: readonly string[]
  /** Stands before `sub`, so that users of two issuers never share a name. @default '' */
  readonly subjectPrefix?: string
}

/** Whom the authority believes. */
export interface TrustedIssuers {
  /** Whose tokens are exchanged (RFC 8693). @default none */
  readonly users?: readonly UserIssuer[]
  /** Whose identity assertions are redeemed (ID-JAG). @default none */
  readonly idJag?: readonly IssuerOptions[]
  /** Whose tokens of workloads are redeemed: `spiffe(…)`, a CI provider. `agentIds` says which agent a workload is. @default none */
  readonly workloads?: readonly IssuerOptions[]
}

/** A user issuer after validation. */
export interface UserIssuerSettings {
  readonly settings: IssuerSettings
  readonly mayAct: 'stated' | 'any-agent'
  readonly scopes: readonly string[] | undefined
  readonly subjectPrefix: string
}

/**
 * Reads the issuers of users' tokens. A user's token has no actor yet.
 * @throws {@link Misconfigured}
 */
export function readUserIssuers(issuers: readonly UserIssuer[]): ReadonlyMap<string, UserIssuerSettings> {
  const read = issuers.map(({ mayAct = 'stated', scopes, subjectPrefix = '', ...options }): UserIssuerSettings => {
    if (mayAct !== 'stated' && mayAct !== 'any-agent') throw invalid("mayAct must be 'stated' or 'any-agent'")
    return { settings: readIssuerOptions({ actor: 'optional', ...options }), mayAct, scopes, subjectPrefix }
  })
  const prefixes = new Set(read.map(({ subjectPrefix }) => subjectPrefix))
  if (prefixes.size < read.length) throw invalid('users of several issuers need a subjectPrefix each')
  return byName(read, ({ settings }) => settings)
}

/** Types of tokens that are redeemed once, and of those of workloads. */
const ID_JAG: Partial<IssuerOptions> = {
  types: ['oauth-id-jag+jwt'],
  requiredClaims: ['jti', 'client_id'],
  actor: 'optional',
  maxLifetimeSeconds: 600,
}
const WORKLOAD: Partial<IssuerOptions> = { types: ['JWT'], actor: 'optional', requiredClaims: [] }

/** @throws Misconfigured */
export function readIdJagIssuers(issuers: readonly IssuerOptions[]): ReadonlyMap<string, IssuerSettings> {
  return byName(
    issuers.map((options) => readIssuerOptions({ ...ID_JAG, ...options })),
    (settings) => settings,
  )
}

/** @throws Misconfigured */
export function readWorkloadIssuers(issuers: readonly IssuerOptions[]): ReadonlyMap<string, IssuerSettings> {
  return byName(
    issuers.map((options) => readIssuerOptions({ ...WORKLOAD, ...options })),
    (settings) => settings,
  )
}

function byName<Read>(read: readonly Read[], settingsOf: (read: Read) => IssuerSettings): ReadonlyMap<string, Read> {
  const named = read.flatMap((each) => {
    const { issuer, aliases } = settingsOf(each)
    return [issuer, ...aliases].map((name) => [name, each] as const)
  })
  const map = new Map(named)
  if (map.size === named.length) return map
  throw invalid('each issuer must be listed once')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', `trustedIssuers: ${message}`)
}
