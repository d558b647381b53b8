import { setTimeout as wait } from 'node:timers/promises'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import type Database from 'libsql'
import type { WriterQueue } from './writer-queue.ts'

/** A connection to the file that is opened when it is needed. */
export interface SqliteConnection {
  readonly database: () => Database.Database
  /** Closes it; the next use opens another. */
  readonly discard: () => void
}

/** What a driver of one connection needs. */
export interface SqliteDriverOptions {
  readonly connection: SqliteConnection
  readonly queue: WriterQueue
  /** How long a transaction waits for writers in other processes. */
  readonly deadlineMs: number
  readonly monotonicMs: () => number
}

/**
 * A driver for kysely in which transactions follow one another and begin with `BEGIN IMMEDIATE`. libsql 0.5 keeps a statement
 * alive that met a lock, and then answers "ok" to commits that it does not carry out: a connection that met one is closed.
 */
export function createSqliteWriter(options: SqliteDriverOptions): Driver {
  const { connection, queue } = options
  const turns = new WeakMap<DatabaseConnection, () => void>()
  const failed = new WeakSet<DatabaseConnection>()
  const runOrMark = <Row>(query: CompiledQuery, mark: () => void): QueryResult<Row> => {
    try {
      return runQuery(connection, query)
    } catch (error) {
      mark()
      throw error
    }
  }
  return {
    init: async () => undefined,
    acquireConnection: async () => {
      const leave = await queue.enter()
      const open: DatabaseConnection = {
        executeQuery: async (query) => runOrMark(query, () => failed.add(open)),
        streamQuery,
      }
      turns.set(open, leave)
      return open
    },
    beginTransaction: () => beginImmediate(options),
    commitTransaction: async () => commit(connection),
    rollbackTransaction: async (open) => rollback(connection, failed.has(open)),
    releaseConnection: async (open) => turns.get(open)?.(),
    destroy: async () => connection.discard(),
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

async function beginImmediate({ connection, deadlineMs, monotonicMs }: SqliteDriverOptions): Promise<void> {
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

function commit(connection: SqliteConnection): void {
  const database = connection.database()
  try {
    database.exec('COMMIT')
  } catch (error) {
    connection.discard()
    throw error
  }
  if (!database.inTransaction) return
  connection.discard()
  throw new Error('the database did not commit')
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
