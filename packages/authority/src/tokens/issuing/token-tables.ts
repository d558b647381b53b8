import { sql } from 'kysely'
import type { Migration } from '../../storage/store.ts'

/** Every token that was issued: who, for whom, out of which one. Times are Unix seconds. */
export interface TokenTable {
  readonly token_id: string
  /** The token that it was exchanged for; `null` at the beginning of a chain. */
  readonly parent_id: string | null
  /** What all tokens of a chain share as `txn`. */
  readonly chain_id: string
  readonly grant_type: string
  readonly subject: string
  readonly agent_id: string
  /** JWK thumbprint of the key it is bound to. */
  readonly thumbprint: string
  /** JWK thumbprint of the key that the client proved itself with. */
  readonly client_thumbprint: string
  /** The family of refresh tokens that it came from. */
  readonly family_id: string | null
  /** Apart by spaces, as in the token. */
  readonly scope: string
  /** JSON list. */
  readonly audience: string
  readonly issued_at: number
  readonly expires_at: number
  readonly list_id: number
  readonly list_index: number
  readonly revoked_at: number | null
}

/** Refresh tokens, by their hash. One family holds what was exchanged for one another. */
export interface RefreshTokenTable {
  readonly token_hash: string
  readonly family_id: string
  readonly agent_id: string
  readonly subject: string
  /** What a new access token is made of: JSON. */
  readonly grant_json: string
  readonly issued_at: number
  readonly expires_at: number
  readonly used_at: number | null
  readonly revoked_at: number | null
}

/** Status lists, and how many of their places are given away. */
export interface StatusListTable {
  readonly list_id: number
  readonly taken: number
  /** Decides the order in which places are given away: holders of tokens cannot tell from theirs which are next, or how many. */
  readonly secret: string
}

/** A stop of everything that one name brings: who issues meanwhile looks here. */
export interface TokenStopTable {
  /** Rises without a gap that matters: a later stop has a higher one. */
  readonly seq: number
  readonly at: number
  readonly kind: 'subject' | 'agentId' | 'thumbprint' | 'clientThumbprint'
  readonly name: string
  /** Only what agents of this tenant do. */
  readonly tenant: string | null
}

/** Assertions and proofs that were used. */
export interface TokenClaimTable {
  readonly claim_id: string
  readonly until_seconds: number
}

/** The tables of this room. */
export interface TokenTables {
  readonly tokens: TokenTable
  readonly refresh_tokens: RefreshTokenTable
  readonly token_status_lists: StatusListTable
  readonly token_claims: TokenClaimTable
  readonly token_stops: TokenStopTable
}

const CREATE = [
  `CREATE TABLE tokens (
    token_id text PRIMARY KEY, parent_id text, chain_id text NOT NULL, grant_type text NOT NULL, subject text NOT NULL,
    agent_id text NOT NULL, thumbprint text NOT NULL, client_thumbprint text NOT NULL, family_id text, scope text NOT NULL, audience text NOT NULL,
    issued_at bigint NOT NULL, expires_at bigint NOT NULL, list_id bigint NOT NULL, list_index bigint NOT NULL,
    revoked_at bigint)`,
  'CREATE INDEX tokens_by_parent ON tokens (parent_id)',
  'CREATE INDEX tokens_by_chain ON tokens (chain_id)',
  'CREATE INDEX tokens_by_agent ON tokens (agent_id)',
  'CREATE INDEX tokens_by_subject ON tokens (subject)',
  'CREATE INDEX tokens_by_thumbprint ON tokens (thumbprint)',
  'CREATE INDEX tokens_by_client_thumbprint ON tokens (client_thumbprint)',
  'CREATE INDEX tokens_by_family ON tokens (family_id)',
  'CREATE INDEX tokens_by_end ON tokens (expires_at)',
  'CREATE UNIQUE INDEX tokens_by_place ON tokens (list_id, list_index)',
  `CREATE TABLE refresh_tokens (
    token_hash text PRIMARY KEY, family_id text NOT NULL, agent_id text NOT NULL, subject text NOT NULL,
    grant_json text NOT NULL, issued_at bigint NOT NULL, expires_at bigint NOT NULL, used_at bigint, revoked_at bigint)`,
  'CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id)',
  'CREATE INDEX refresh_tokens_by_agent ON refresh_tokens (agent_id)',
  'CREATE INDEX refresh_tokens_by_subject ON refresh_tokens (subject)',
  `CREATE TABLE token_status_lists (
    list_id bigint PRIMARY KEY, taken bigint NOT NULL, secret text NOT NULL)`,
  'CREATE TABLE token_claims (claim_id text PRIMARY KEY, until_seconds bigint NOT NULL)',
  'CREATE INDEX token_claims_by_end ON token_claims (until_seconds)',
]

const TABLES = ['token_claims', 'token_status_lists', 'refresh_tokens', 'tokens']

/** Creates the tables of this room. */
export const TOKEN_MIGRATIONS: readonly Migration[] = [
  {
    name: '200_tokens',
    up: async (db) => {
      for (const statement of CREATE) await sql.raw(statement).execute(db)
    },
    down: async (db) => {
      for (const table of TABLES) await sql.raw(`DROP TABLE ${table}`).execute(db)
    },
  },
  {
    name: '201_token_stops',
    up: async (db) => {
      await sql`CREATE TABLE token_stops (
        seq bigint PRIMARY KEY, at bigint NOT NULL, kind text NOT NULL, name text NOT NULL, tenant text)`.execute(db)
      await sql`CREATE INDEX token_stops_by_name ON token_stops (kind, name)`.execute(db)
    },
    down: async (db) => {
      await sql`DROP TABLE token_stops`.execute(db)
    },
  },
]
