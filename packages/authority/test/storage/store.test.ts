import type { ColumnType } from 'kysely'
import { sql } from 'kysely'
import { type Migration, migrateDown, migrateUp, type Store, type StoredTables } from '../../src/index.ts'
import { isTaken } from '../../src/storage/storage-fault.ts'
import { describeStores, type StorePlace } from '../stores.ts'

interface Tables {
  readonly counter: { readonly name: ColumnType<string, string, never>; readonly value: number }
}

const COUNTER: Migration = {
  name: '001_counter',
  up: async (db) => {
    const table = db.schema.createTable('counter').addColumn('name', 'text', (column) => column.primaryKey())
    await table.addColumn('value', 'bigint', (column) => column.notNull()).execute()
  },
  down: async (db) => db.schema.dropTable('counter').execute(),
}

const BROKEN: Migration = {
  name: '002_broken',
  up: async (db) => {
    await db.schema.createTable('half').addColumn('name', 'text').execute()
    await sql`SELECT name FROM nowhere`.execute(db)
  },
  down: async () => undefined,
}

describeStores((createPlace) => {
  let place: StorePlace
  let store: Store
  let tables: StoredTables<Tables>

  beforeAll(async () => {
    place = await createPlace()
    store = place.open()
    tables = store.tables<Tables>()
  })
  afterAll(async () => {
    await store.close()
    await place.remove()
  })
  beforeEach(() => migrateUp(store, [COUNTER], 0))
  afterEach(() => migrateDown(store, [COUNTER]))

  const put = (name: string, value: number, to = tables): Promise<unknown> =>
    to.transaction('counter', (inside) => inside.insertInto('counter').values({ name, value }).execute())
  const list = (): Promise<readonly unknown[]> =>
    tables.reads.selectFrom('counter').selectAll().orderBy('name').execute()
  const increment = ({ transaction }: StoredTables<Tables>): Promise<unknown> =>
    transaction('counter', async (inside) => {
      const query = inside.selectFrom('counter').select('value').where('name', '=', 'c')
      const { value } = await query.executeTakeFirstOrThrow()
      await inside
        .updateTable('counter')
        .set({ value: value + 1 })
        .where('name', '=', 'c')
        .execute()
    })

  it('gives numbers back as numbers, also those of 53 bits', async () => {
    await put('large', Number.MAX_SAFE_INTEGER)
    expect(await list()).toEqual([{ name: 'large', value: Number.MAX_SAFE_INTEGER }])
  })

  it('keeps nothing of a transaction that fails', async () => {
    const failing = tables.transaction('counter', async (inside) => {
      await inside.insertInto('counter').values({ name: 'a', value: 1 }).execute()
      throw new RangeError('refused')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(await list()).toEqual([])
  })

  it('goes on after a row that is taken', async () => {
    await put('a', 1)
    await expect(put('a', 2).catch((error) => Promise.reject(isTaken(error)))).rejects.toBe(true)
    await put('b', 2)
    expect(await list()).toEqual([
      { name: 'a', value: 1 },
      { name: 'b', value: 2 },
    ])
  })

  it('loses no increment of two hundred that run at once', async () => {
    await put('c', 0)
    await Promise.all(Array.from({ length: 200 }, () => increment(tables)))
    expect(await list()).toEqual([{ name: 'c', value: 200 }])
  })

  it('loses no increment of several processes', async () => {
    await put('c', 0)
    const others = [1, 2, 3].map(() => place.open())
    const all = [store, ...others].map((each) => each.tables<Tables>())
    await Promise.all(all.flatMap((each) => Array.from({ length: 40 }, () => increment(each))))
    await Promise.all(others.map((other) => other.close()))
    expect(await list()).toEqual([{ name: 'c', value: 160 }])
  })

  it('shows readers what is committed, while a transaction is open', async () => {
    await tables.transaction('counter', async (inside) => {
      await inside.insertInto('counter').values({ name: 'a', value: 1 }).execute()
      expect(await list()).toEqual([])
    })
    expect(await list()).toHaveLength(1)
  })

  it('refuses changes outside of a transaction', async () => {
    await expect(tables.reads.insertInto('counter').values({ name: 'a', value: 1 }).execute()).rejects.toThrow(
      /read-?only/,
    )
    expect(await list()).toEqual([])
  })

  it('writes nothing for work that goes on behind its transaction', async () => {
    let late: Promise<unknown> = Promise.resolve()
    let goOn = (): void => undefined
    const behind = new Promise<void>((resolve) => {
      goOn = resolve
    })
    await tables.transaction('counter', async (inside) => {
      late = behind.then(() => inside.insertInto('counter').values({ name: 'late', value: 1 }).execute())
      late.catch(() => undefined)
    })
    goOn()
    await expect(late).rejects.toThrow(/committed/)
    expect(await list()).toEqual([])
  })

  it('applies a set of migrations whole or not at all', async () => {
    await migrateDown(store, [COUNTER])
    await expect(migrateUp(store, [COUNTER, BROKEN], 0)).rejects.toThrow('nowhere')
    await expect(list()).rejects.toThrow('counter')
    await migrateUp(store, [COUNTER], 0)
  })

  it('applies a migration once, when processes start together', async () => {
    await migrateDown(store, [COUNTER])
    const others = [1, 2, 3].map(() => place.open())
    await Promise.all(others.map((other) => migrateUp(other, [COUNTER], 0)))
    await Promise.all(others.map((other) => other.close()))
    expect(await list()).toEqual([])
  })

  it('does not open what a newer version has migrated', async () => {
    await expect(migrateUp(store, [], 0)).rejects.toThrow('001_counter')
  })
})
