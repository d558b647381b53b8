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
  /** Base64. */
  readonly body: string
  /** Of the request: what a ticket is for. */
  readonly digest: string
  /** The service that takes the ticket. */
  readonly audience: string
  readonly state: 'pending' | 'approved' | 'rejected'
  readonly asked_at: number
  /** Without a decision until then it is denied. */
  readonly expires_at: number
  readonly decided_by: string | null
  readonly decided_at: number | null
  readonly reason: string | null
  readonly ticket: string | null
  readonly ticket_expires_at: number | null
}

/** Tables of this room. */
export interface ApprovalTables {
  readonly approvals: ApprovalRow
}

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
]
