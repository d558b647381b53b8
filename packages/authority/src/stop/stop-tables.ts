import { sql } from 'kysely'
import type { Migration } from '../storage/store.ts'

/** One line of what doors are told, in the order in which it took effect. Times are Unix milliseconds. */
export interface DoorEventRow {
  readonly seq: number
  readonly at: number
  /** `refresh`: what is known of an agent is old. */
  readonly action: 'revoke' | 'withdraw' | 'refresh'
  /** A `RevocationName` of @countermark/delegation: JSON. */
  readonly event: string
}

/** One stop, as it was asked for. */
export interface StopRow {
  readonly id: string
  /** The last line that it told doors. */
  readonly seq: number
  readonly at: number
  readonly kind: string
  /** What was named: JSON. */
  readonly target: string
  readonly tenant: string | null
  readonly reason: string
  readonly caller: string
  /** How many agents it suspended. */
  readonly agents: number
  /** How many tokens counted until then. */
  readonly tokens: number
}

/** A door: one guarded process. */
export interface DoorRow {
  readonly id: string
  readonly first_seen: number
  readonly last_seen: number
  /** The last line that it has taken over. */
  readonly seq: number
}

/** When a door said that it had taken lines over. */
export interface DoorAcknowledgementRow {
  readonly door: string
  readonly seq: number
  readonly at: number
}

/** Tables of this room. */
export interface StopTables {
  readonly door_events: DoorEventRow
  readonly stops: StopRow
  readonly doors: DoorRow
  readonly door_acknowledgements: DoorAcknowledgementRow
}

const CREATE = [
  'CREATE TABLE door_events (seq bigint PRIMARY KEY, at bigint NOT NULL, action text NOT NULL, event text NOT NULL)',
  `CREATE TABLE stops (
    id text PRIMARY KEY, seq bigint NOT NULL, at bigint NOT NULL, kind text NOT NULL, target text NOT NULL, tenant text,
    reason text NOT NULL, caller text NOT NULL, agents bigint NOT NULL, tokens bigint NOT NULL)`,
  'CREATE INDEX stops_by_seq ON stops (seq)',
  `CREATE TABLE doors (
    id text PRIMARY KEY, first_seen bigint NOT NULL, last_seen bigint NOT NULL, seq bigint NOT NULL)`,
  `CREATE TABLE door_acknowledgements (
    door text NOT NULL, seq bigint NOT NULL, at bigint NOT NULL, PRIMARY KEY (door, seq))`,
]

const TABLES = ['door_acknowledgements', 'doors', 'stops', 'door_events']

/** For doors that take everything that is stopped. */
const STATES = [
  ['agents_by_state', 'agents (state, id)'],
  ['agent_keys_by_state', 'agent_keys (state, thumbprint)'],
] as const

/** Creates the tables of this room. */
export const STOP_MIGRATIONS: readonly Migration[] = [
  {
    name: '300_stops',
    up: async (db) => {
      for (const statement of CREATE) await sql.raw(statement).execute(db)
    },
    down: async (db) => {
      for (const table of TABLES) await sql.raw(`DROP TABLE ${table}`).execute(db)
    },
  },
  {
    name: '301_what_is_stopped',
    up: async (db) => {
      for (const [name, on] of STATES) await sql.raw(`CREATE INDEX ${name} ON ${on}`).execute(db)
    },
    down: async (db) => {
      for (const [name] of STATES) await sql.raw(`DROP INDEX ${name}`).execute(db)
    },
  },
]
