import { sql } from 'kysely'
import type { Migration } from '../storage/store.ts'

/** One request that waits for a person, or has been decided. Times are Unix milliseconds. */
export interface ApprovalRow {
  readonly id: string
  readonly tenant: string
  readonly agent: string
  /** For whom the agent acts: issuer and subject of its token; `null` for an agent that acts for itself. */
  readonly issuer: string | null
  readonly subject: string | null
  readonly method: string
  readonly url: string
  readonly content_type: string | null
  readonly content_encoding: string | null
  /** Base64. */
  readonly body: string
  /** Of the request: what a ticket is for. */
  readonly digest: string
  /** The service that takes the ticket. */
  readonly audience: string
  readonly state: 'pending' | 'approved' | 'rejected'
  /** The door that says that it refused this very request; `null` where only the agent claims it. */
  readonly door: string | null
  /** The template of the route, as the door has it. */
  readonly route: string | null
  /** What the request moves, as the door reads it: whole minor units, and their currency. */
  readonly amount: number | null
  readonly currency: string | null
  /** How many requests the ticket lets through. */
  readonly uses: number | null
  /** What they may come to together: a standing approval. */
  readonly most: number | null
  readonly asked_at: number
  /** Without a decision until then it is denied. */
  readonly expires_at: number
  readonly decided_by: string | null
  readonly decided_at: number | null
  readonly reason: string | null
  readonly ticket: string | null
  readonly ticket_expires_at: number | null
}

/** Where an agent is told what was decided. */
export interface ApprovalCallbackRow {
  readonly agent: string
  readonly url: string
  /** Sealed. */
  readonly secret: string
  readonly set_by: string
  /** Unix milliseconds. */
  readonly set_at: number
}

/** One notice that has not arrived. */
export interface ApprovalNoticeRow {
  readonly id: string
  readonly approval: string
  readonly agent: string
  readonly state: ApprovalRow['state']
  readonly attempts: number
  /** Unix milliseconds. */
  readonly created_at: number
  /** When it is sent, or sent again. Unix milliseconds. */
  readonly due_at: number
}

/** Tables of this room. */
export interface ApprovalTables {
  readonly approvals: ApprovalRow
  readonly approval_callbacks: ApprovalCallbackRow
  readonly approval_notices: ApprovalNoticeRow
}

const OF_DOORS = [
  ...['content_encoding text', 'door text', 'route text', 'amount bigint', 'currency text'],
  ...['uses bigint', 'most bigint'],
]

/** Creates them. */
export const APPROVAL_MIGRATIONS: readonly Migration[] = [
  {
    name: '310_approvals',
    up: async (db) => {
      await sql
        .raw(
          `CREATE TABLE approvals (
            id text PRIMARY KEY, tenant text NOT NULL, agent text NOT NULL, issuer text, subject text, method text NOT NULL,
            url text NOT NULL, content_type text, body text NOT NULL, digest text NOT NULL, audience text NOT NULL,
            state text NOT NULL, asked_at bigint NOT NULL, expires_at bigint NOT NULL, decided_by text, decided_at bigint,
            reason text, ticket text, ticket_expires_at bigint)`,
        )
        .execute(db)
      await sql.raw('CREATE INDEX approvals_by_tenant ON approvals (tenant, state)').execute(db)
      await sql.raw('CREATE INDEX approvals_by_agent ON approvals (agent, state)').execute(db)
    },
    down: async (db) => {
      await sql.raw('DROP TABLE approvals').execute(db)
    },
  },
  {
    name: '311_approvals_of_doors',
    up: async (db) => {
      for (const column of OF_DOORS) await sql.raw(`ALTER TABLE approvals ADD COLUMN ${column}`).execute(db)
      await sql.raw('CREATE INDEX approvals_by_digest ON approvals (agent, digest)').execute(db)
    },
    down: async (db) => {
      await sql.raw('DROP INDEX approvals_by_digest').execute(db)
      for (const column of OF_DOORS) {
        await sql.raw(`ALTER TABLE approvals DROP COLUMN ${column.split(' ')[0]}`).execute(db)
      }
    },
  },
  {
    name: '312_approval_callbacks',
    up: async (db) => {
      await sql
        .raw(
          `CREATE TABLE approval_callbacks (
            agent text PRIMARY KEY, url text NOT NULL, secret text NOT NULL, set_by text NOT NULL, set_at bigint NOT NULL)`,
        )
        .execute(db)
      await sql
        .raw(
          `CREATE TABLE approval_notices (
            id text PRIMARY KEY, approval text NOT NULL, agent text NOT NULL, state text NOT NULL, attempts bigint NOT NULL,
            created_at bigint NOT NULL, due_at bigint NOT NULL)`,
        )
        .execute(db)
      await sql.raw('CREATE INDEX approval_notices_by_due ON approval_notices (due_at)').execute(db)
    },
    down: async (db) => {
      await sql.raw('DROP TABLE approval_notices').execute(db)
      await sql.raw('DROP TABLE approval_callbacks').execute(db)
    },
  },
]
