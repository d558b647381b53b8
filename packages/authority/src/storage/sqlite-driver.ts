import { setTimeout as wait } from 'node:timers/promises'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import type Database from 'libsql'
import type { GroupCommit, GroupPart, GroupStatements } from './group-commit.ts'
import type { Committing } from './store.ts'
import type { WriterQueue } from './writer-queue.ts'

/** A connection to the file that is opened when it is needed. */
export interface SqliteConnection {
  readonly database: () => Database.Database
  /** Closes it; the next use opens another. */
  readonly discard: () => void
}

/** What transactions on one connection need. */
export interface SqliteTransactionOptions {
  readonly connection: SqliteConnection
  /** How long a transaction waits for writers in other processes. */
  readonly deadlineMs: number
  readonly monotonicMs: () => number
}

/** What a driver of one connection needs. */
export interface SqliteDriverOptions {
  readonly connection: SqliteConnection
  readonly queue: WriterQueue
  readonly group: GroupCommit
  /** How its transactions reach the disk. */
  readonly committing: Committing
}

/**
 * A driver for kysely in which transactions follow one another and begin with `BEGIN IMMEDIATE`. libsql 0.5 keeps a statement
 * alive that met a lock, and then answers "ok" to commits that it does not carry out: a connection that met one is closed.
 */
export function createSqliteWriter({ connection, queue, group, committing }: SqliteDriverOptions): Driver {
  const parts = new WeakMap<DatabaseConnection, GroupPart>()
  const partOf = (open: DatabaseConnection): GroupPart => {
    const part = parts.get(open)
    if (part === undefined) throw new Error('the connection was not handed out here')
    return part
  }
  return {
    init: async () => undefined,
    acquireConnection: async () => {
      const leave = await queue.enter(committing)
      let hasFailed = false
      const executeQuery: DatabaseConnection['executeQuery'] = async (query) => {
        try {
          return runQuery(connection, query)
        } catch (error) {
          hasFailed = true
          throw error
        }
      }
      const open: DatabaseConnection = { executeQuery, streamQuery }
      parts.set(open, { committing, leave, hasFailed: () => hasFailed })
      return open
    },
    beginTransaction: (open) => group.begin(partOf(open)),
    commitTransaction: (open) => group.commit(partOf(open)),
    rollbackTransaction: async (open) => group.rollback(partOf(open)),
    releaseConnection: async (open) => partOf(open).leave(),
    destroy: async () => connection.discard(),
  }
}

/** What a group of transactions is carried out with on one connection. */
export function sqliteTransactions(options: SqliteTransactionOptions): GroupStatements {
  const { connection } = options
  return {
    begin: () => beginImmediate(options),
    execute: (statement) => connection.database().exec(statement),
    commit: () => commit(connection),
    rollback: (hasFailed) => rollback(connection, hasFailed),
  }
}

/** A driver for statements outside of transactions; on a connection that refuses changes. */
export function createSqliteReader(connection: SqliteConnection): Driver {
  const reader: DatabaseConnection = {
    executeQuery: async (query) => runQuery(connection, query),
    streamQuery,
  }
  const refuse = (): Promise<never> => Promise.reject(new Error('transactions are made by transaction()'))
  return {
    init: async () => undefined,
    acquireConnection: async () => reader,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => undefined,
    destroy: async () => connection.discard(),
  }
}

// biome-ignore lint/correctness/useYield: it only refuses
async function* streamQuery(): AsyncGenerator<never> {
  throw new Error('libsql does not stream')
}

const RETRY_MS = 5

async function beginImmediate({ connection, deadlineMs, monotonicMs }: SqliteTransactionOptions): Promise<void> {
  const endMs = monotonicMs() + deadlineMs
  while (true) {
    try {
      connection.database().exec('BEGIN IMMEDIATE')
      return
    } catch (error) {
      connection.discard()
      if (!isBusy(error) || !(monotonicMs() < endMs)) throw error
    }
    await wait(RETRY_MS)
  }
}

/** A transaction that could not be committed is taken back: a closed connection would keep its lock until it is collected. */
function commit(connection: SqliteConnection): void {
  const database = connection.database()
  try {
    database.exec('COMMIT')
    if (database.inTransaction) throw new Error('the database did not commit')
  } catch (error) {
    try {
      if (database.inTransaction) database.exec('ROLLBACK')
    } finally {
      connection.discard()
    }
    throw error
  }
}

/** A statement that failed may be alive still: it would keep a closed connection, and its lock, until it is collected. */
function rollback(connection: SqliteConnection, hasFailed: boolean): void {
  try {
    connection.database().exec('ROLLBACK')
  } finally {
    if (hasFailed) connection.discard()
  }
}

function isBusy(error: unknown): boolean {
  return /^SQLITE_(?:BUSY|LOCKED)/.test(String(Object(error)['code']))
}

function runQuery<Row>(connection: SqliteConnection, { sql, parameters }: CompiledQuery): QueryResult<Row> {
  const statement = connection.database().prepare(sql)
  const values = parameters.map(bound)
  if (statement.reader) return { rows: statement.all(values) as Row[] }
  const { changes, lastInsertRowid } = statement.run(values)
  return { numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid), rows: [] }
}

function bound(value: unknown): unknown {
  if (value === undefined) return null
  return typeof value === 'boolean' ? Number(value) : value
}
