import type { Migration } from '../storage/store.ts'

/** One key of the authority. Times are Unix milliseconds. */
export interface SigningKeyRow {
  readonly kid: string
  readonly algorithm: string
  readonly public_jwk: string
  /** AES-256-GCM under a key of the environment. */
  readonly sealed: string
  readonly created_at: number
  /** Published before: doors must know a key when its first token comes. */
  readonly signs_from: number
  readonly signs_until: number | null
  readonly published_until: number | null
}

/** Tables of the signing keys. */
export interface SigningKeyTables {
  readonly signing_keys: SigningKeyRow
}

/** Makes them. */
export const SIGNING_KEY_MIGRATIONS: readonly Migration[] = [
  {
    name: '002_signing_keys',
    up: async (db) => {
      await db.schema
        .createTable('signing_keys')
        .addColumn('kid', 'text', (column) => column.primaryKey())
        .addColumn('algorithm', 'text', (column) => column.notNull())
        .addColumn('public_jwk', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('signs_from', 'bigint', (column) => column.notNull())
        .addColumn('signs_until', 'bigint')
        .addColumn('published_until', 'bigint')
        .execute()
    },
    down: async (db) => db.schema.dropTable('signing_keys').execute(),
  },
]
