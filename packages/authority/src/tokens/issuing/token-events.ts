import type { AuditTrail } from '@countermark/audit'
import type { Environment } from '@countermark/core'
import { TOKEN_METRICS } from '../../metric-rows.ts'
import type { OAuthErrorCode } from '../oauth-error.ts'
import type { GrantName, TokenOperation } from './grant-names.ts'

/** A token that was issued. */
export interface IssuedEvent {
  readonly grant: GrantName
  readonly tokenId: string
  readonly chainId: string
  readonly parentId: string | undefined
  readonly agentId: string
  readonly subject: string
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  /** Unix seconds. */
  readonly expiresAt: number
}

/** A request that was refused. */
export interface RefusedEvent {
  readonly operation: TokenOperation
  readonly error: OAuthErrorCode
  /** Which agent it claimed to be, or was. */
  readonly agentId: string | undefined
  readonly reason: string
}

/** Tokens that stopped counting, and why. */
export interface RevokedEvent {
  readonly reason: 'revocation' | 'refresh_token_reuse' | 'authorization_code_reuse' | 'stop'
  readonly by: string
  readonly tokenIds: readonly string[]
}

/** A person lets an agent act. */
export interface ConsentedEvent {
  readonly delegationId: string
  readonly agentId: string
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
  /** Unix seconds. */
  readonly endsAt: number
  readonly user: string
}

/** Writes down what happens to tokens: in the audit trail, and in metrics. */
export interface TokenEventLog {
  /** Before the token leaves. @throws Unavailable `audit_unavailable` */
  readonly issued: (event: IssuedEvent) => Promise<void>
  /** Before it takes effect. @throws Unavailable `audit_unavailable` */
  readonly consented: (event: ConsentedEvent) => Promise<void>
  /** @throws Unavailable `audit_unavailable` */
  readonly refused: (event: RefusedEvent) => Promise<void>
  /** Counts a refusal that the trail did not take. @returns `first` since one was taken */
  readonly countUnrecorded: () => 'first' | 'again'
  /** @throws Unavailable `audit_unavailable` */
  readonly revoked: (event: RevokedEvent) => Promise<void>
}

/** One record holds so many ids; more are counted. */
const MOST_NAMED = 100

/** Creates the log. Without a trail there are metrics alone. */
export function createTokenEventLog(
  trail: Pick<AuditTrail, 'event'> | undefined,
  { report }: Pick<Environment, 'report'>,
): TokenEventLog {
  const record = async (event: string, details: object, user?: string): Promise<void> => {
    await trail?.event({ event, details: { ...details }, ...(user === undefined ? {} : { private: { user } }) })
  }
  let isLosing = false
  return {
    countUnrecorded: () => {
      report(TOKEN_METRICS.measure('token_refusals_unrecorded_total', 1))
      const before = isLosing
      isLosing = true
      return before ? 'again' : 'first'
    },
    issued: async ({ subject, ...details }) => {
      await record('token_issued', definedOf(details), subject)
      report(TOKEN_METRICS.measure('tokens_issued_total', 1, { grant: details.grant }))
    },
    consented: ({ user, ...details }) => record('consent_given', details, user),
    refused: async (details) => {
      report(TOKEN_METRICS.measure('tokens_refused_total', 1, { operation: details.operation, error: details.error }))
      await record('token_refused', definedOf(details))
      isLosing = false
    },
    revoked: async ({ reason, by, tokenIds }) => {
      const named = tokenIds.slice(0, MOST_NAMED)
      await record('tokens_revoked', { reason, by, count: tokenIds.length, tokenIds: named })
      report(TOKEN_METRICS.measure('tokens_revoked_total', tokenIds.length))
    },
  }
}

function definedOf(details: object): object {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
}
