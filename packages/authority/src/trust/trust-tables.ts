import { sql } from 'kysely'
import type { Migration } from '../storage/store.ts'

/** An organisation whose users' tokens one tenant believes, and how far. Times are Unix milliseconds. */
export interface OrganisationRow {
  readonly id: string
  readonly tenant: string
  /** Exactly as in `iss`. */
  readonly issuer: string
  readonly name: string
  /** Where its keys are: JSON, `"discover"`, `{"jwksUri": …}` or `{"jwks": …}`. */
  readonly keys: string
  /** Most that its word may bring: JSON list of scopes. */
  readonly ceiling: string
  /** Services that it may bring tokens for: JSON list; `null`: every one that the authority knows. */
  readonly resources: string | null
  /** Agents of the tenant that may act on its word: JSON list; `null`: each of them. */
  readonly agents: string | null
  readonly may_act: 'stated' | 'any-agent'
  /** The list that it came from; `null`: an admin added it. */
  readonly list: string | null
  readonly created_at: number
}

/** Tables of this room. */
export interface TrustTables {
  readonly organisations: OrganisationRow
}

/** Creates the tables of this room. */
export const TRUST_MIGRATIONS: readonly Migration[] = [
  {
    name: '500_trust',
    up: async (db) => {
      await sql`CREATE TABLE organisations (
        id text PRIMARY KEY, tenant text NOT NULL, issuer text NOT NULL, name text NOT NULL, keys text NOT NULL,
        ceiling text NOT NULL, resources text, agents text, may_act text NOT NULL, list text,
        created_at bigint NOT NULL)`.execute(db)
      await sql`CREATE UNIQUE INDEX organisations_by_issuer ON organisations (tenant, issuer)`.execute(db)
    },
    down: async (db) => {
      await sql`DROP TABLE organisations`.execute(db)
    },
  },
]
