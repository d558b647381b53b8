import { readFileSync } from 'node:fs'
import { createTempFolder } from '@countermark/testing'
import { sql } from 'kysely'
import { type Store, type StoredTables, sqliteStore } from '../../src/index.ts'

interface Tables {
  readonly written: { readonly name: string }
}

const WAL_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
/** A name that is not there, so that the commit fails: what holds it is looked at when a transaction ends. */
const DANGLING = 'dangling'

describe('transactions that commit together', () => {
  let folder: Awaited<ReturnType<typeof createTempFolder>>
  let store: Store
  let tables: StoredTables<Tables>

  beforeEach(async () => {
    folder = await createTempFolder()
    store = sqliteStore({ path: `${folder.path}/authority.db` })
    tables = store.tables<Tables>()
    await tables.transaction('schema', async (inside) => {
      await sql`CREATE TABLE written (name text PRIMARY KEY)`.execute(inside)
      await sql`CREATE TABLE follows (name text REFERENCES written (name) DEFERRABLE INITIALLY DEFERRED)`.execute(
        inside,
      )
    })
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  const put = (name: string, failure?: Error): Promise<unknown> =>
    tables.transaction(
      'written',
      async (inside) => {
        await inside.insertInto('written').values({ name }).execute()
        if (failure !== undefined) throw failure
      },
      'together',
    )
  const putMany = (count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, (_, index) => put(`many ${index}`)))
  const list = async (): Promise<readonly string[]> =>
    (await tables.reads.selectFrom('written').select('name').orderBy('name').execute()).map(({ name }) => name)

  it('reach the disk by few syncs, not by one for each', async () => {
    const before = countCommits(`${folder.path}/authority.db-wal`)
    await putMany(128)
    expect(await list()).toHaveLength(128)
    expect(countCommits(`${folder.path}/authority.db-wal`) - before).toBeLessThanOrEqual(4)
  })

  it('lose what failed and nothing else', async () => {
    const results = await Promise.allSettled([
      put('a'),
      put('b', new RangeError('refused')),
      put('a'),
      put('c'),
      put('d'),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'])
    expect(await list()).toEqual(['a', 'c', 'd'])
  })

  it('keep what was done before the last of them failed', async () => {
    const results = await Promise.allSettled([put('a'), put('b'), put('c', new RangeError('refused'))])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(await list()).toEqual(['a', 'b'])
  })

  it('are all refused when the disk does not take them, and others go on', async () => {
    const dangling = tables.transaction(
      'follows',
      (inside) => sql`INSERT INTO follows VALUES (${DANGLING})`.execute(inside),
      'together',
    )
    const results = await Promise.allSettled([put('a'), dangling, put('b')])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(await list()).toEqual([])
    await put('c')
    expect(await list()).toEqual(['c'])
  })

  it('show readers nothing before all of it is on the disk', async () => {
    const seen: (readonly string[])[] = []
    const looking = tables.transaction('written', async () => void seen.push(await list()), 'together')
    await Promise.all([put('a'), looking, put('b')])
    expect(seen).toHaveLength(1)
    expect(seen[0]).not.toContain('b')
    expect(await list()).toEqual(['a', 'b'])
  })

  it('wait for no work that commits alone', async () => {
    let goOn = (): void => undefined
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve
    })
    // Who asks first for the first time does not come first: a driver is made ready then.
    await put('before')
    const first = put('a')
    const slow = tables.transaction('written', () => waiting)
    await first
    expect(await list()).toEqual(['a', 'before'])
    goOn()
    await slow
  })

  it('write nothing for work that goes on behind its part', async () => {
    let late: Promise<unknown> = Promise.resolve()
    let goOn = (): void => undefined
    const behind = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const hasty = tables.transaction(
      'written',
      async (inside) => {
        late = behind.then(() => inside.insertInto('written').values({ name: 'late' }).execute())
        late.catch(() => undefined)
      },
      'together',
    )
    await Promise.all([hasty, put('a')])
    goOn()
    await expect(late).rejects.toThrow(/committed/)
    expect(await list()).toEqual(['a'])
  })
})

/** Transactions in a write-ahead log: the last frame of each holds the size of the database (SQLite, "WAL file format"). */
function countCommits(path: string): number {
  const log = readFileSync(path)
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(8)
  let commits = 0
  for (let at = WAL_HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes)
    if (log.readUInt32BE(at + 4) > 0) commits += 1
  return commits
}
