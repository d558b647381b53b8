import { sql } from 'kysely'
import type { Migration } from '../storage/store.ts'

/** An act, for those who are told of it. Times are Unix milliseconds. */
export interface OutgoingEventRow {
  readonly seq: number
  /** The same for every receiver and each attempt. */
  readonly id: string
  readonly at: number
  /** The name that the trail has for it: `agent_suspended`. */
  readonly event: string
  readonly tenant: string | null
  /** JSON, without people. */
  readonly details: string
}

/** Who is told: of acts (`webhook`), or of what doors are told (`ssf-push`, `ssf-poll`). */
export interface ReceiverRow {
  readonly id: string
  readonly kind: 'webhook' | 'ssf-push' | 'ssf-poll'
  /** `null`: of every tenant. */
  readonly tenant: string | null
  /** Where notices are posted; `null` where they are fetched. */
  readonly url: string | null
  /** Sealed: what a webhook is signed with, or what a push presents. */
  readonly secret: string | null
  /** SHA-256 of what a poll presents. */
  readonly token_hash: string | null
  readonly audience: string | null
  /** Names of events: JSON list; `null`: every one. */
  readonly events: string | null
  /** The last line that was taken. */
  readonly cursor: number
  /** What a verification event brings back; `null`: none is asked for. */
  readonly verification: string | null
  readonly failures: number
  readonly next_at: number
  readonly leased_until: number
  readonly created_at: number
}

/** Tables of this room. */
export interface EventTables {
  readonly outgoing_events: OutgoingEventRow
  readonly event_receivers: ReceiverRow
}

const CREATE = [
  `CREATE TABLE outgoing_events (
    seq bigint PRIMARY KEY, id text NOT NULL, at bigint NOT NULL, event text NOT NULL, tenant text, details text NOT NULL)`,
  `CREATE TABLE event_receivers (
    id text PRIMARY KEY, kind text NOT NULL, tenant text, url text, secret text, token_hash text, audience text, events text,
    cursor bigint NOT NULL, verification text, failures bigint NOT NULL, next_at bigint NOT NULL,
    leased_until bigint NOT NULL, created_at bigint NOT NULL)`,
]

/** Creates the tables of this room. */
export const EVENT_MIGRATIONS: readonly Migration[] = [
  {
    name: '600_events',
    up: async (db) => {
      for (const statement of CREATE) await sql.raw(statement).execute(db)
    },
    down: async (db) => {
      for (const table of ['event_receivers', 'outgoing_events']) await sql.raw(`DROP TABLE ${table}`).execute(db)
    },
  },
]
