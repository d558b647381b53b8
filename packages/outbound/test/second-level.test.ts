import type { RefreshCacheOptions, SecondLevel } from '../src/index.ts'
import type { CacheContext } from '../src/internal.ts'
import {
  type Answer,
  createScriptedOrigin,
  failing,
  HOUR,
  MINUTE,
  type ScriptedOrigin,
  SECOND,
  settle,
} from './scripted-origin.ts'

interface FakeStore extends SecondLevel {
  readonly content: Map<string, string>
  readonly ttls: number[]
  gets: number
}

function createStore(overrides: Partial<SecondLevel> = {}): FakeStore {
  const store: FakeStore = {
    content: new Map(),
    ttls: [],
    gets: 0,
    get: async (key) => {
      store.gets++
      return overrides.get === undefined ? store.content.get(key) : overrides.get(key)
    },
    set: async (key, value, ttlMs) => {
      store.ttls.push(ttlMs)
      store.content.set(key, value)
      await overrides.set?.(key, value, ttlMs)
    },
  }
  return store
}

type Options = Partial<RefreshCacheOptions<Answer, CacheContext>>

/** One process that shares a store with others. */
function createProcess(store: SecondLevel, namespace = 'n', options: Options = {}): ScriptedOrigin {
  const revive = (text: string): Answer => ({ name: `shared ${JSON.parse(text).name}` })
  const origin = createScriptedOrigin({ secondLevel: { store, namespace, revive }, ...options })
  origin.answer = (key) => ({ value: { name: key }, text: JSON.stringify({ name: key }) })
  return origin
}

async function read(origin: ScriptedOrigin, key = 'a'): Promise<unknown> {
  const answer = await origin.cache.read(key, origin.context)
  await settle()
  return answer
}

describe('a second level', () => {
  it('spares the second process the fetch', async () => {
    const store = createStore()
    const [first, second] = [createProcess(store), createProcess(store)]
    expect(await read(first)).toEqual({ name: 'a' })
    expect(await read(second)).toEqual({ name: 'shared a' })
    expect(second.asked).toEqual([])
    expect(store.ttls).toEqual([HOUR])
  })

  it('is asked before any budget is: what it has, a flood of unknown keys does not cost', async () => {
    const store = createStore()
    const first = createProcess(store)
    for (let key = 0; key < 60; key++) await read(first, `known ${key}`)
    const second = createProcess(store, 'n', { times: { unknownPerMinute: 1 } })
    second.answer = () => undefined
    for (let key = 0; key < 60; key++) {
      await Promise.resolve(second.cache.read(`invented ${key}`, second.context)).catch(() => {})
      expect(await read(second, `known ${key}`)).toEqual({ name: `shared known ${key}` })
    }
    expect(second.asked).toHaveLength(1)
  })

  it('is asked while the origin is down', async () => {
    const store = createStore()
    await read(createProcess(store))
    const second = createProcess(store)
    second.answer = failing()
    for (let key = 0; key < 10; key++) await expect(read(second, `${key}`)).rejects.toBeDefined()
    expect(await read(second)).toEqual({ name: 'shared a' })
  })

  it('loses what a process is told to forget, and is not believed about it until the origin was asked', async () => {
    const store = createStore()
    const [first, second] = [createProcess(store), createProcess(store)]
    await read(first)
    const kept = [...store.content]
    second.cache.forget(() => false, ['a'])
    expect([...store.content.values()]).toEqual([''])
    for (const [key, value] of kept) store.content.set(key, value)
    expect(await read(second)).toEqual({ name: 'a' })
    expect(second.asked).toEqual(['a'])
  })

  it('keeps namespaces and keys apart, also where they run together', async () => {
    const store = createStore()
    await read(createProcess(store, 'ab'), 'c')
    const other = createProcess(store, 'a')
    expect(await read(other, 'bc')).toEqual({ name: 'bc' })
    expect(await read(other, 'c')).toEqual({ name: 'c' })
  })

  it('hands on how old a document is', async () => {
    const store = createStore()
    const [first, second] = [createProcess(store), createProcess(store)]
    await read(first)
    second.clock.advance(4 * MINUTE)
    await read(second)
    expect(second.asked).toEqual([])
    second.clock.advance(MINUTE)
    await read(second)
    expect(second.asked).toEqual(['a'])
  })

  it('hands on how long a document is fresh by its own word', async () => {
    const store = createStore()
    const [first, second] = [createProcess(store), createProcess(store)]
    first.answer = () => ({ value: { name: 'a' }, text: '{"name":"a"}', freshForSeconds: 30 })
    await read(first)
    await read(second)
    second.clock.advance(31 * SECOND)
    await read(second)
    expect(second.asked).toEqual(['a'])
  })

  it('renews what another process renewed, without asking the origin', async () => {
    const store = createStore()
    const [first, second] = [createProcess(store), createProcess(store)]
    await read(second)
    for (const { clock } of [first, second]) clock.advance(5 * MINUTE)
    store.content.clear()
    await read(first)
    await read(second)
    expect(second.cache.read('a', second.context)).toEqual({ name: 'shared a' })
    expect(second.asked).toEqual(['a'])
  })

  it('is not asked when a caller forces a renewal', async () => {
    const store = createStore()
    const [first, second] = [createProcess(store), createProcess(store)]
    await read(first)
    await read(second)
    second.clock.advance(10 * SECOND)
    await second.cache.recheck('a', second.context)
    expect(second.asked).toEqual(['a'])
  })

  it('is asked before the origin when the origin is down', async () => {
    const store = createStore()
    await read(createProcess(store))
    const second = createProcess(store)
    second.answer = failing()
    expect(await read(second)).toEqual({ name: 'shared a' })
  })

  it.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['no object', 'null'],
    ['another version', '{"version":2,"fetchedAtMs":0,"text":"{}"}'],
    ['a time that is none', '{"version":1,"fetchedAtMs":"0","text":"{}"}'],
    ['a document from tomorrow', '{"version":1,"fetchedAtMs":1e15,"text":"{}"}'],
    ['a document older than an hour', '{"version":1,"fetchedAtMs":1767220000000,"text":"{}"}'],
    ['a document that cannot be revived', '{"version":1,"fetchedAtMs":1767225600000,"text":"<html>"}'],
    ['a megabyte', `"${'a'.repeat(1_048_576)}"`],
  ])('that holds %s is passed over', async (_name, value) => {
    const origin = createProcess(createStore({ get: async () => value }))
    expect(await read(origin)).toEqual({ name: 'a' })
  })

  it('that hangs costs 100 ms and never more than a few tries', async () => {
    const store = createStore({ get: () => new Promise(() => {}) })
    const origin = createProcess(store)
    const before = performance.now()
    expect(await read(origin)).toEqual({ name: 'a' })
    expect(performance.now() - before).toBeLessThan(1_000)
    await Promise.all(Array.from({ length: 20 }, (_, key) => read(origin, `${key}`)))
    await Promise.all(Array.from({ length: 20 }, (_, key) => read(origin, `more ${key}`)))
    expect(store.gets).toBeLessThanOrEqual(21)
  })

  it('that fails costs nothing but a count', async () => {
    const broken = (): Promise<never> => Promise.reject(new Error('READONLY'))
    const origin = createProcess(createStore({ get: broken, set: broken }))
    expect(await read(origin)).toEqual({ name: 'a' })
    expect(origin.events.filter((event) => event === 'second_level_failed')).toHaveLength(2)
  })

  it('learns nothing of unknown keys, nor of answers without a document', async () => {
    const store = createStore()
    const origin = createProcess(store)
    origin.answer = (key) => (key === 'a' ? { value: { name: 'a' } } : undefined)
    await read(origin, 'a')
    await read(origin, 'b')
    expect(store.content.size).toBe(0)
  })
})

describe('an attacker whose document was removed from the origin', () => {
  it('is not brought back by the second level, in this process or another', async () => {
    const store = createStore()
    const [first, second, late] = [createProcess(store), createProcess(store), createProcess(store)]
    await read(first)
    for (const process of [first, second, late]) {
      process.answer = () => undefined
      process.clock.advance(5 * MINUTE)
    }
    await read(first)
    expect(await read(first)).toBeUndefined()
    first.clock.advance(2 * MINUTE)
    expect(await read(first)).toBeUndefined()
    expect(await read(late)).toBeUndefined()
  })

  it('is not brought back to the process that knows of it, not even when the second level cannot be told', async () => {
    const store = createStore()
    const first = createProcess({
      get: store.get,
      set: (key, value, ttl) => (value === '' ? Promise.reject(new Error('READONLY')) : store.set(key, value, ttl)),
    })
    await read(first)
    first.answer = () => undefined
    first.clock.advance(5 * MINUTE)
    await read(first)
    first.clock.advance(2 * MINUTE)
    expect(await read(first)).toBeUndefined()
    first.answer = failing()
    first.clock.advance(2 * MINUTE)
    await expect(read(first)).rejects.toMatchObject({ reason: 'connection_failed' })
    first.clock.advance(2 * MINUTE)
    await expect(read(first)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('is not brought back once the origin gave an answer that is not shared', async () => {
    const store = createStore()
    const first = createProcess(store)
    await read(first)
    first.answer = () => ({ value: { name: 'none left' } })
    first.clock.advance(5 * MINUTE)
    await read(first)
    const late = createProcess(store)
    late.clock.advance(5 * MINUTE)
    late.answer = () => undefined
    expect(await read(late)).toBeUndefined()
  })
})
