import type { Kysely, Transaction } from 'kysely'
import type { RoleTables } from '../callers/role-tables.ts'
import type { StopTables } from '../stop/stop-tables.ts'

/** Times are Unix milliseconds; lists and objects are JSON. */
export interface TenantRow {
  readonly id: string
  readonly name: string
  readonly created_at: number
  readonly revision: number
}

/** A human who answers for agents. */
export interface PersonRow {
  readonly tenant: string
  /** As tokens or the staff directory name them: `jane@example.com`. */
  readonly id: string
  readonly name: string
  /** Most that agents of theirs may be given: JSON list of scopes. */
  readonly ceiling: string
  readonly state: 'active' | 'left'
  readonly created_at: number
  readonly revision: number
}

/** Where an agent is in its life. */
export type AgentState = 'staged' | 'active' | 'suspended' | 'retired'

/** One agent. */
export interface AgentRow {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly purpose: string
  readonly type: string
  readonly version: string
  readonly state: AgentState
  /** Why it is suspended or retired: a word of ours, or the operator's. */
  readonly reason: string | null
  readonly ceiling: string
  readonly constraints: string
  readonly template: string | null
  readonly expires_at: number | null
  /** Keys must be newer than this: the date by which rotation is forced. */
  readonly rotate_by: number | null
  readonly retirement_asked_by: string | null
  readonly retirement_reason: string | null
  readonly replaced_by: string | null
  /** Which rank set what, so that no lower one lifts it: JSON. `null`: owners may change everything. */
  readonly set_by: string | null
  readonly created_at: number
  readonly changed_at: number
  readonly revision: number
}

/** Who answers for an agent. */
export interface OwnerRow {
  readonly agent: string
  readonly tenant: string
  readonly person: string
}

/** One public key of one agent. */
export interface KeyRow {
  /** RFC 7638: a key is registered once, for one agent. */
  readonly thumbprint: string
  readonly agent: string
  readonly kid: string
  /** Where the private half is: it decides how old the key may become. */
  readonly kind: string
  readonly jwk: string
  readonly algorithm: string
  readonly agent_version: string
  /** The key whose place it takes: thumbprint. */
  readonly follows: string | null
  readonly state: 'pending' | 'active' | 'revoked'
  readonly not_before: number
  /** Set by rotation, by a new version, or by hand. */
  readonly not_after: number | null
  readonly created_at: number
  readonly last_used_at: number | null
}

/** A code that lets one key enrol, once. */
export interface EnrolmentCodeRow {
  readonly id: string
  /** SHA-256 of the code: the code itself is told once. */
  readonly hash: string
  readonly agent: string
  readonly created_by: string
  readonly created_at: number
  readonly expires_at: number
  readonly used_at: number | null
}

/** What agents of one kind are usually given. */
export interface TemplateRow {
  readonly tenant: string
  readonly id: string
  readonly ceiling: string
  readonly constraints: string
  readonly created_at: number
  readonly revision: number
}

/** What happened, in the order in which it took effect: for whatever must follow, such as stopping tokens. */
export interface ChangeRow {
  readonly seq: number
  readonly at: number
  readonly kind: string
  readonly tenant: string
  readonly agent: string | null
  readonly person: string | null
  readonly thumbprint: string | null
}

/** An answer that is given again for the same key. */
export interface KeptAnswerRow {
  readonly caller: string
  readonly key: string
  readonly digest: string
  /** Sealed: it may hold a code that was told once. */
  readonly answer: string
  readonly created_at: number
}

/** Tables of the registry. */
export interface RegistryTables extends RoleTables, StopTables {
  readonly tenants: TenantRow
  readonly people: PersonRow
  readonly agents: AgentRow
  readonly agent_owners: OwnerRow
  readonly agent_keys: KeyRow
  readonly enrolment_codes: EnrolmentCodeRow
  readonly templates: TemplateRow
  readonly changes: ChangeRow
  readonly kept_answers: KeptAnswerRow
}

/** Inside of a transaction. */
export type RegistryTransaction = Transaction<RegistryTables>

/** Inside of a transaction or outside. */
export type RegistryReads = Pick<Kysely<RegistryTables>, 'selectFrom'>

/** Everything that changes the registry follows one another: what decides cannot change under the decision. */
export const REGISTRY_LOCK = 'registry'
