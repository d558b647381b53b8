import type { AgentRecord, Environment, KeySource } from '@countermark/core'
import type { Store, StoredTables } from '../storage/store.ts'
import type { ProofOfPossession } from './binding/proof-of-possession.ts'
import type { ClientRules } from './client-authentication/client-rules.ts'
import type { ConsentSettings } from './consent/consent-options.ts'
import type { CallBudget } from './http/call-budget.ts'
import type { TokenKeys } from './issuing/sign-jwt.ts'
import type { Sweeper } from './issuing/sweeper.ts'
import type { TokenEventLog } from './issuing/token-events.ts'
import type { TokenTables } from './issuing/token-tables.ts'
import type { Service } from './narrowing/targets.ts'
import type { RevocationFeed } from './revocation/revocation-feed.ts'
import type { StatusPlaces } from './status-list/status-places.ts'
import type { SubjectTokens } from './subject-tokens/subject-tokens.ts'
import type { UserNames } from './subject-tokens/user-names.ts'

/** What every endpoint of this room works with, after validation. */
export interface TokenSettings {
  /** The issuer identifier (RFC 8414 section 2), without a slash at its end. */
  readonly issuer: string
  readonly store: Store
  readonly tables: StoredTables<TokenTables>
  /** Who is registered. */
  readonly agents: KeySource
  readonly keys: TokenKeys
  readonly services: ReadonlyMap<string, Service>
  readonly clients: ClientRules
  readonly budget: CallBudget
  readonly possession: ProofOfPossession
  readonly places: StatusPlaces
  readonly subjects: SubjectTokens
  readonly userNames: UserNames
  readonly events: TokenEventLog
  readonly sweeper: Sweeper
  readonly environment: Environment
  /** Longest life of a token. Seconds. */
  readonly lifetimeSeconds: number
  /** Longest life of a family of refresh tokens. Seconds. */
  readonly refreshSeconds: number
  readonly maxDepth: number
  readonly trustedProxies: readonly string[]
  /** How people are asked; `undefined` where no agent may ask them. */
  readonly consent: ConsentSettings | undefined
  readonly onFault: (error: unknown) => void
  /** Who tells doors; `undefined` where no door follows. */
  readonly feed: RevocationFeed | undefined
}

/** What an agent may do at all. An agent without a list may do nothing. */
export function ceilingOf(record: AgentRecord): readonly string[] {
  return record.capabilities ?? []
}
