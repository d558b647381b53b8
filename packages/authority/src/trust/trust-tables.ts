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
  /** Where it takes security events, by the word of its list. */
  readonly security_events: string | null
  readonly created_at: number
}

/** A signed list of another authority that one tenant imports, and how far it is believed. */
export interface ImportedListRow {
  readonly id: string
  readonly tenant: string
  readonly url: string
  /** Who publishes it: `iss`. */
  readonly issuer: string
  /** Thumbprints of the keys that may sign the next one: JSON list. */
  readonly keys: string
  /** Most that an entry may bring: JSON list of scopes. */
  readonly ceiling: string
  /** Services that entries may bring tokens for: JSON list; `null`: every one that the authority knows. */
  readonly resources: string | null
  readonly may_act: 'stated' | 'any-agent'
  readonly refresh_minutes: number
  /** The last list that was taken; 0 before the first one. */
  readonly number: number
  /** Of that list: Unix seconds. */
  readonly issued_at: number
  readonly digest: string
  /** When its entries end. */
  readonly expires_at: number
  /** How many entries count. */
  readonly entries: number
  /** What was narrowed or left out: JSON. */
  readonly notes: string
  /** Why the last list was not taken; `null`: it was. */
  readonly failure: string | null
  readonly checked_at: number | null
  readonly next_at: number
  readonly created_at: number
}

/** The list that this authority publishes: one row. */
export interface PublishedListRow {
  readonly id: 'own'
  readonly number: number
  readonly entries: string
  readonly lifetime_hours: number
}

/** Tables of this room. */
export interface TrustTables {
  readonly organisations: OrganisationRow
  readonly imported_lists: ImportedListRow
  readonly published_list: PublishedListRow
}

const LISTS = [
  'ALTER TABLE organisations ADD COLUMN security_events text',
  `CREATE TABLE imported_lists (
    id text PRIMARY KEY, tenant text NOT NULL, url text NOT NULL, issuer text NOT NULL, keys text NOT NULL,
    ceiling text NOT NULL, resources text, may_act text NOT NULL, refresh_minutes bigint NOT NULL, number bigint NOT NULL,
    issued_at bigint NOT NULL, digest text NOT NULL, expires_at bigint NOT NULL, entries bigint NOT NULL,
    notes text NOT NULL, failure text, checked_at bigint, next_at bigint NOT NULL, created_at bigint NOT NULL)`,
  'CREATE UNIQUE INDEX imported_lists_by_issuer ON imported_lists (tenant, issuer)',
  `CREATE TABLE published_list (
    id text PRIMARY KEY, number bigint NOT NULL, entries text NOT NULL, lifetime_hours bigint NOT NULL)`,
]

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
  {
    name: '510_trust_lists',
    up: async (db) => {
      for (const statement of LISTS) await sql.raw(statement).execute(db)
    },
    down: async (db) => {
      for (const table of ['published_list', 'imported_lists']) await sql.raw(`DROP TABLE ${table}`).execute(db)
      await sql`ALTER TABLE organisations DROP COLUMN security_events`.execute(db)
    },
  },
]
