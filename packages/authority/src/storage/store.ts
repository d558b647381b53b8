import type { Kysely, Transaction } from 'kysely'

/**
 * How a transaction reaches the disk. `together`: with others that wait for an embedded file at the same time, by one sync; only for
 * work that waits for nothing but its own statements, because the others wait for it. PostgreSQL does so by itself.
 */
export type Committing = 'alone' | 'together'

/** Tables of one room, as {@link Store.tables} hands them out. */
export interface StoredTables<Tables> {
  /** Sees what is committed. A statement that changes something is refused. */
  readonly reads: Kysely<Tables>
  /**
   * Changes everything or nothing. Transactions of one `lock`, such as `registry` or `token-family:17`, follow one another, in
   * all processes; read inside with `tables` what decides. An embedded file has one writer: there every lock is the same.
   * Must not be called inside itself. What it resolves with is on the disk.
   * @param committing @default 'alone'
   * @throws Unavailable `storage_unavailable`
   */
  readonly transaction: <Result>(
    lock: string,
    work: (tables: Transaction<Tables>) => Promise<Result>,
    committing?: Committing,
  ) => Promise<Result>
}

/** Creates tables of a room, and drops them again. */
export interface Migration {
  /** Sorted by it; never changed once released: `001_registry`. */
  readonly name: string
  /** Creates the tables. */
  readonly up: (db: Transaction<unknown>, engine: Store['engine']) => Promise<void>
  /** Drops them again. */
  readonly down: (db: Transaction<unknown>, engine: Store['engine']) => Promise<void>
}

/** Where the authority keeps what it knows: one SQLite file, or PostgreSQL. The same statements run on both. */
export interface Store {
  /** Which database it is. */
  readonly engine: 'sqlite' | 'postgres'
  /** The tables that a room declares, or several rooms: `tables<RegistryTables & TokenTables>()`. */
  readonly tables: <Tables>() => StoredTables<Tables>
  /** Ends the connections. */
  readonly close: () => Promise<void>
}
