import { sql } from 'kysely'
import type { Migration } from '../../storage/store.ts'

/** What an agent asked a person for, until it is answered. Times are Unix seconds. */
export interface ConsentRequestTable {
  readonly request_id: string
  /** What was asked for, as validated: JSON. */
  readonly asked_json: string
  /** Hash of the browser's own secret: the answer comes from where the question went. */
  readonly browser_hash: string
  /** What the sign-in must bring back. */
  readonly nonce: string
  readonly verifier: string
  readonly expires_at: number
  readonly answered_at: number | null
}

/** People who signed in, by the hash of their cookie. */
export interface ConsentSessionTable {
  readonly session_hash: string
  readonly subject: string
  readonly display_name: string
  readonly expires_at: number
}

/** What people let agents do. Its tokens and refresh tokens have its id as their family. */
export interface DelegationTable {
  readonly delegation_id: string
  readonly subject: string
  readonly agent_id: string
  readonly scope: string
  readonly audience: string
  readonly details_json: string
  readonly created_at: number
  readonly ends_at: number
  readonly stopped_at: number | null
}

/** Codes that are exchanged once (RFC 6749 section 4.1.2), by their hash. */
export interface AuthorizationCodeTable {
  readonly code_hash: string
  readonly delegation_id: string
  readonly redirect_uri: string
  readonly challenge: string
  readonly expires_at: number
  readonly used_at: number | null
}

/** The tables of this room. */
export interface ConsentTables {
  readonly consent_requests: ConsentRequestTable
  readonly consent_sessions: ConsentSessionTable
  readonly delegations: DelegationTable
  readonly authorization_codes: AuthorizationCodeTable
}

const CREATE = [
  `CREATE TABLE consent_requests (
    request_id text PRIMARY KEY, asked_json text NOT NULL, browser_hash text NOT NULL, nonce text NOT NULL,
    verifier text NOT NULL, expires_at bigint NOT NULL, answered_at bigint)`,
  `CREATE TABLE consent_sessions (
    session_hash text PRIMARY KEY, subject text NOT NULL, display_name text NOT NULL, expires_at bigint NOT NULL)`,
  `CREATE TABLE delegations (
    delegation_id text PRIMARY KEY, subject text NOT NULL, agent_id text NOT NULL, scope text NOT NULL,
    audience text NOT NULL, details_json text NOT NULL, created_at bigint NOT NULL, ends_at bigint NOT NULL,
    stopped_at bigint)`,
  'CREATE INDEX delegations_by_subject ON delegations (subject)',
  `CREATE TABLE authorization_codes (
    code_hash text PRIMARY KEY, delegation_id text NOT NULL, redirect_uri text NOT NULL, challenge text NOT NULL,
    expires_at bigint NOT NULL, used_at bigint)`,
]

/** Creates the tables of this room. */
export const CONSENT_MIGRATIONS: readonly Migration[] = [
  {
    name: '210_consent',
    up: async (db) => {
      for (const statement of CREATE) await sql.raw(statement).execute(db)
    },
    down: async (db) => {
      for (const table of ['authorization_codes', 'delegations', 'consent_sessions', 'consent_requests']) {
        await sql.raw(`DROP TABLE ${table}`).execute(db)
      }
    },
  },
]
