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

/** Whose identity assertions are redeemed. */
export interface IdJagIssuer extends IssuerOptions {
  /** Stands before `sub`, so that users of two issuers never share a name. @default '' */
  readonly subjectPrefix?: string
}

/** Whom the authority believes. */
export interface TrustedIssuers {
  /** Whose tokens are exchanged (RFC 8693). @default none */
  readonly users?: readonly UserIssuer[]
  /** Whose identity assertions are redeemed (ID-JAG). @default none */
  readonly idJag?: readonly IdJagIssuer[]
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
  requireApart(read)
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

/** The settings of an issuer, for the identity assertions that it makes. */
export function asIdJag(settings: IssuerSettings): IssuerSettings {
  const { types = [], requiredClaims = [], maxLifetimeSeconds = 600 } = ID_JAG
  return { ...settings, types: new Set(types), requiredClaims, maxLifetimeSeconds }
}

/** An issuer of identity assertions after validation. */
export interface IdJagIssuerSettings {
  readonly settings: IssuerSettings
  readonly subjectPrefix: string
}

/**
 * @param users whose names the assertions' subjects must not take; one issuer may be both, under one prefix
 * @throws Misconfigured
 */
export function readIdJagIssuers(
  issuers: readonly IdJagIssuer[],
  users: ReadonlyMap<string, UserIssuerSettings>,
): ReadonlyMap<string, IdJagIssuerSettings> {
  const read = issuers.map(({ subjectPrefix = '', ...options }): IdJagIssuerSettings => {
    return { settings: readIssuerOptions({ ...ID_JAG, ...options }), subjectPrefix }
  })
  requireApart([...users.values(), ...read])
  return byName(read, ({ settings }) => settings)
}

/** @throws Misconfigured */
export function readWorkloadIssuers(issuers: readonly IssuerOptions[]): ReadonlyMap<string, IssuerSettings> {
  return byName(
    issuers.map((options) => readIssuerOptions({ ...WORKLOAD, ...options })),
    (settings) => settings,
  )
}

/** An issuer could name a user of another one whose prefix begins with its own. */
function requireApart(issuers: readonly Pick<UserIssuerSettings, 'settings' | 'subjectPrefix'>[]): void {
  for (const one of issuers) {
    const mistaken = issuers.find(({ settings, subjectPrefix }) => {
      return settings.issuer !== one.settings.issuer && subjectPrefix.startsWith(one.subjectPrefix)
    })
    if (mistaken === undefined) continue
    throw invalid('users of several issuers need a subjectPrefix each, none of which begins with another')
  }
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
