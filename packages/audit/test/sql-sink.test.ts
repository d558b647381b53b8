import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTempFolder, requirePostgres, startPostgres } from '@countermark/testing'
import { Kysely, PostgresDialect, SqliteDialect, sql } from 'kysely'
import Database from 'libsql'
import { Client, Pool } from 'pg'
import { sqlSink } from '../src/sql.ts'
import { describeAuditSink } from './describe-audit-sink.ts'
import { sealedRecords } from './sealed-records.ts'

const KIND = { durable: true, repeated: 'kept-once' } as const

function openFile(path: string): Kysely<unknown> {
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  return new Kysely({ dialect: new SqliteDialect({ database }) })
}

async function collect(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

describeAuditSink('sql, an embedded file', KIND, async () => {
  const folder = await createTempFolder()
  const path = `${folder.path}/audit.db`
  const db = openFile(path)
  const sink = sqlSink({ db })
  const limitPages = async (pages: string): Promise<void> =>
    void (await sql.raw(`PRAGMA max_page_count = ${pages}`).execute(db))
  return {
    sink,
    read: (chain) => collect(sink.read(chain)),
    // The database is as full as it may get.
    breakDown: () => limitPages('1'),
    recover: () => limitPages('1000000'),
    close: async () => {
      await db.destroy()
      await folder.remove()
    },
  }
})

const programs = requirePostgres()
if (programs !== undefined) describe('PostgreSQL', () => keepsInPostgres(programs))

function keepsInPostgres(found: string): void {
  describeAuditSink('sql, PostgreSQL', KIND, async () => {
    const server = await startPostgres(found)
    const pool = new Pool({ connectionString: server.url })
    pool.on('error', () => undefined)
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    const sink = sqlSink({ db, deadlineMs: 4000 })
    const other = new Client({ connectionString: server.url })
    await other.connect()
    return {
      sink,
      read: (chain) => collect(sink.read(chain)),
      // Whoever writes waits for as long as this lock is held.
      breakDown: async () => void (await other.query('BEGIN; LOCK TABLE countermark_audit IN EXCLUSIVE MODE')),
      recover: async () => void (await other.query('ROLLBACK')),
      close: async () => {
        await other.end()
        await db.destroy()
        await server.stop()
      },
    }
  })

  it('goes on after the server was stopped and started again', async () => {
    const server = await startPostgres(found)
    const pool = new Pool({ connectionString: server.url })
    pool.on('error', () => undefined)
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    const sink = sqlSink({ db })
    const records = sealedRecords({ chain: 'c', count: 4 })
    await sink.append(records.slice(0, 2))
    await server.pause()
    await expect(sink.append(records.slice(2))).rejects.toHaveProperty('message', expect.stringMatching(/./))
    await server.resume()
    await sink.append(records.slice(2))
    expect(await collect(sink.read('c'))).toEqual(records.map(({ line }) => line))
    await db.destroy()
    await server.stop()
  })

  it('is prepared once by processes that start together', async () => {
    const server = await startPostgres(found)
    const dbs = [1, 2, 3].map(() => {
      const pool = new Pool({ connectionString: server.url })
      // Connections that are still closing hear of it when the server stops.
      pool.on('error', () => undefined)
      return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    })
    await Promise.all(dbs.map((db) => sqlSink({ db }).ready?.()))
    await refusesChanges(dbs[0] ?? openFile(':memory:'))
    await Promise.all(dbs.map((db) => db.destroy()))
    await server.stop()
  })
}

async function refusesChanges(db: Kysely<unknown>): Promise<void> {
  const sink = sqlSink({ db })
  const records = sealedRecords({ chain: 'kept', count: 2 })
  await sink.append(records)
  for (const statement of ['DELETE FROM countermark_audit', 'UPDATE countermark_audit SET seq = seq + 7']) {
    await expect(sql.raw(statement).execute(db)).rejects.toThrow(/audit records/)
  }
  expect(await collect(sink.read('kept'))).toEqual(records.map(({ line }) => line))
}

describe('a table of audit records', () => {
  let db: Kysely<unknown>
  beforeEach(() => {
    db = openFile(':memory:')
  })
  afterEach(() => db.destroy())

  it('lets nobody delete or move a record', () => refusesChanges(db))

  it('refuses another record in a place that is taken', async () => {
    const sink = sqlSink({ db })
    await sink.append(sealedRecords({ chain: 'c', count: 3 }))
    const forked = sealedRecords({ chain: 'c', count: 3, change: (record) => ({ ...record, check: 'other' }) })
    await expect(sink.append(forked)).rejects.toThrow('another record has this place')
  })

  it('is searched by agent, user, request and time', async () => {
    const sink = sqlSink({ db })
    await sink.append(sealedRecords({ chain: 'c', count: 2 }))
    const search = sql<{ seq: number }>`SELECT seq FROM countermark_audit WHERE agent = 'agt_assistant'
      AND subject = 'user_7' AND request_id = 'req_c-2' AND at >= '2026-01-01'`
    expect((await search.execute(db)).rows).toEqual([{ seq: 2 }])
    const plan = await sql<{ detail: string }>`EXPLAIN QUERY PLAN ${sql.raw(
      "SELECT seq FROM countermark_audit WHERE subject = 'user_7'",
    )}`.execute(db)
    expect(plan.rows[0]?.detail).toContain('countermark_audit_subject')
  })

  it('names its chains and reads long ones in order', async () => {
    const sink = sqlSink({ db })
    const long = sealedRecords({ chain: 'b', count: 2500 })
    await sink.append(sealedRecords({ chain: 'a', count: 1 }))
    await sink.append(long)
    expect(await sink.chains()).toEqual(['a', 'b'])
    expect(await collect(sink.read('b'))).toEqual(long.map(({ line }) => line))
  })
})

describe('a SQLite file that another process writes', () => {
  it('is told as a failure, never as a success, and kept once it is free', async () => {
    const folder = await createTempFolder()
    const db = openFile(`${folder.path}/audit.db`)
    const other = new Database(`${folder.path}/audit.db`)
    const sink = sqlSink({ db })
    const records = sealedRecords({ chain: 'c', count: 2 })
    await sink.ready?.()
    other.exec('BEGIN EXCLUSIVE')
    await expect(sink.append(records)).rejects.toThrow('locked')
    other.exec('ROLLBACK')
    // libsql lets go of the statement that failed when it is collected, and commits nothing before that.
    await collectGarbage()
    await sink.append(records)
    expect(other.prepare('SELECT count(*) AS kept FROM countermark_audit').get()).toMatchObject({ kept: 2 })
    other.close()
    await db.destroy()
    await folder.remove()
  })
})

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  await new Promise((resolve) => setImmediate(resolve))
}

describe('sqlSink', () => {
  it('takes the Kysely of an application with tables of its own', async () => {
    const database = new Database(':memory:')
    const db = new Kysely<{ orders: { id: number } }>({ dialect: new SqliteDialect({ database }) })
    const sink = sqlSink({ db })
    await sink.append(sealedRecords({ chain: 'c', count: 1 }))
    expect(await sink.chains()).toEqual(['c'])
    await db.destroy()
  })

  it.each([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_INVALID', { db: {} }],
    ['ERR_OPTION_INVALID', { db: { getExecutor: () => ({ adapter: {} }), transaction: () => undefined } }],
    ['ERR_OPTION_UNKNOWN', { db: {}, deadline: 5 }],
  ])('does not start: %s', (code, options) => {
    expect(() => sqlSink(options as never)).toThrow(expect.objectContaining({ code }))
  })
})
