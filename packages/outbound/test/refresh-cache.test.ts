import fc from 'fast-check'
import { OutboundError, RefreshCache } from '../src/index.ts'
import { createScriptedOrigin, failing, HOUR, MINUTE, type ScriptedOrigin, SECOND, settle } from './scripted-origin.ts'

function read(origin: ScriptedOrigin, key = 'a'): unknown {
  return origin.cache.read(key, origin.context)
}

async function warm(origin: ScriptedOrigin, key = 'a'): Promise<void> {
  await read(origin, key)
}

/** Reads once a second for some time. */
async function readFor(origin: ScriptedOrigin, durationMs: number, key = 'a'): Promise<unknown[]> {
  const results: unknown[] = []
  for (let passed = 0; passed < durationMs; passed += SECOND) {
    results.push(await Promise.resolve(read(origin, key)).catch((error: unknown) => error))
    await settle()
    origin.clock.advance(SECOND)
  }
  return results
}

describe('a refresh cache', () => {
  it('asks once for a hundred concurrent misses', async () => {
    const origin = createScriptedOrigin()
    const answers = await Promise.all(Array.from({ length: 100 }, () => read(origin)))
    expect(origin.asked).toEqual(['a'])
    expect(new Set(answers)).toEqual(new Set([{ name: 'a' }]))
  })

  it('gives a cached answer at once, without a promise', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    expect(read(origin)).toEqual({ name: 'a' })
    expect(origin.events).toEqual(['miss', 'loaded', 'hit'])
  })

  it('keeps the answers of different keys apart', async () => {
    const origin = createScriptedOrigin()
    await Promise.all([warm(origin, 'a'), warm(origin, 'b'), warm(origin, '__proto__')])
    expect([read(origin, 'a'), read(origin, 'b'), read(origin, '__proto__')]).toEqual([
      { name: 'a' },
      { name: 'b' },
      { name: '__proto__' },
    ])
  })

  it('forgets the least recently used answer when it is full', async () => {
    const origin = createScriptedOrigin({ times: { maxEntries: 2 } })
    for (const key of ['a', 'b', 'c']) await warm(origin, key)
    await warm(origin, 'a')
    expect(origin.asked).toEqual(['a', 'b', 'c', 'a'])
  })
})

describe('an ageing answer', () => {
  it('is given at once after five minutes and renewed behind the caller', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = () => ({ value: { name: 'new' } })
    origin.clock.advance(5 * MINUTE)
    expect(read(origin)).toEqual({ name: 'a' })
    await settle()
    expect(read(origin)).toEqual({ name: 'new' })
    expect(origin.asked).toHaveLength(2)
  })

  it('is renewed once, however many ask meanwhile', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.hold = true
    origin.clock.advance(6 * MINUTE)
    for (let caller = 0; caller < 100; caller++) expect(read(origin)).toEqual({ name: 'a' })
    expect(origin.asked).toHaveLength(2)
  })

  it('is waited for after an hour without use', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = () => ({ value: { name: 'new' } })
    origin.clock.advance(HOUR)
    expect(await read(origin)).toEqual({ name: 'new' })
  })

  it('is given after an hour when the renewal fails', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = failing()
    origin.clock.advance(HOUR)
    expect(await read(origin)).toEqual({ name: 'a' })
    expect(read(origin)).toEqual({ name: 'a' })
  })

  it('is renewed again and again', async () => {
    const origin = createScriptedOrigin()
    await readFor(origin, 2 * HOUR)
    expect(origin.asked).toHaveLength(24)
  })

  it('is renewed with fifteen others at a time, and given meanwhile', async () => {
    const origin = createScriptedOrigin()
    const keys = Array.from({ length: 100 }, (_, index) => `${index}`)
    for (const key of keys) await warm(origin, key)
    origin.clock.advance(5 * MINUTE)
    origin.hold = true
    for (const key of keys) expect(read(origin, key)).toEqual({ name: key })
    expect(origin.asked).toHaveLength(116)
    origin.release()
    await settle()
    for (const key of keys) expect(read(origin, key)).toEqual({ name: key })
    expect(origin.asked).toHaveLength(132)
  })

  it('goes when the origin no longer has it', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = () => undefined
    origin.clock.advance(5 * MINUTE)
    read(origin)
    await settle()
    expect(read(origin)).toBeUndefined()
  })

  it('is renewed earlier when the origin says so, but never more often than every 30 s', async () => {
    const origin = createScriptedOrigin()
    origin.answer = () => ({ value: { name: 'a' }, freshForSeconds: 0 })
    await readFor(origin, MINUTE)
    expect(origin.asked).toHaveLength(2)
  })

  it('is not kept longer because the origin says so', async () => {
    const origin = createScriptedOrigin()
    origin.answer = () => ({ value: { name: 'a' }, freshForSeconds: 31_536_000 })
    await readFor(origin, 6 * MINUTE)
    expect(origin.asked).toHaveLength(2)
  })

  it('is renewed up to a tenth early, at random', async () => {
    const origin = createScriptedOrigin({ times: { random: () => 0.999 } })
    await warm(origin)
    origin.clock.advance(271 * SECOND)
    read(origin)
    expect(origin.asked).toHaveLength(2)
  })

  it('ages by the monotonic clock, whatever the other one is set to', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.clock.stepWall(-HOUR)
    expect(read(origin)).toEqual({ name: 'a' })
    origin.clock.stepWall(30 * HOUR)
    read(origin)
    expect(origin.asked).toHaveLength(1)
    origin.clock.advance(5 * MINUTE)
    read(origin)
    expect(origin.asked).toHaveLength(2)
  })

  it('hands its previous value to the renewal until it is past use', async () => {
    const origin = createScriptedOrigin({ times: { staleIfErrorMs: 2 * HOUR } })
    await warm(origin)
    origin.clock.advance(HOUR)
    await read(origin)
    origin.clock.advance(2 * HOUR)
    await read(origin)
    expect(origin.requests.map(({ previous }) => previous)).toEqual([undefined, { name: 'a' }, undefined])
  })
})

describe('an origin that is down', () => {
  it('costs callers with an answer nothing for 24 hours, and then fails', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = failing()
    for (let minute = 0; minute < 24 * 60; minute++) {
      expect(await read(origin)).toEqual({ name: 'a' })
      await settle()
      origin.clock.advance(MINUTE)
    }
    await expect(read(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('makes a caller wait in none of these reads once a renewal has failed', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = failing()
    origin.clock.advance(5 * MINUTE)
    read(origin)
    await settle()
    origin.hold = true
    for (let hour = 0; hour < 23; hour++) {
      expect(read(origin)).toEqual({ name: 'a' })
      origin.clock.advance(HOUR)
    }
  })

  it('fails after an hour where stale answers are not allowed', async () => {
    const origin = createScriptedOrigin({ times: { staleIfErrorMs: 0 } })
    await warm(origin)
    origin.answer = failing()
    origin.clock.advance(59 * MINUTE)
    expect(read(origin)).toEqual({ name: 'a' })
    origin.clock.advance(MINUTE)
    await expect(read(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('is asked at most four times in a minute, counted from the try', async () => {
    const origin = createScriptedOrigin({ times: { random: () => 0.999 } })
    origin.answer = failing()
    const results = await readFor(origin, MINUTE)
    expect(results.every((result) => result instanceof Error)).toBe(true)
    expect(origin.asked.length).toBeLessThanOrEqual(4)
  })

  it('is asked at most four times in a minute for a cached answer', async () => {
    const origin = createScriptedOrigin({ times: { random: () => 0.999 } })
    await warm(origin)
    origin.answer = failing()
    origin.clock.advance(5 * MINUTE)
    await readFor(origin, MINUTE)
    expect(origin.asked.length - 1).toBeLessThanOrEqual(4)
  })

  it('answers the next caller of a cold key at once with the same failure', async () => {
    const origin = createScriptedOrigin()
    origin.answer = failing()
    await expect(read(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
    origin.hold = true
    await expect(read(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
    expect(origin.asked).toHaveLength(1)
  })

  it('is given a rest even after a slow failure', async () => {
    const origin = createScriptedOrigin()
    origin.answer = failing()
    origin.hold = true
    const first = read(origin)
    origin.clock.advance(3 * SECOND)
    origin.release()
    await expect(first).rejects.toBeDefined()
    await expect(read(origin)).rejects.toBeDefined()
    expect(origin.asked).toHaveLength(1)
  })

  it('is asked again as soon as a short outage may be over', async () => {
    const origin = createScriptedOrigin()
    origin.answer = failing()
    await expect(read(origin)).rejects.toBeDefined()
    origin.answer = (key) => ({ value: { name: key } })
    origin.clock.advance(SECOND)
    expect(await read(origin)).toEqual({ name: 'a' })
  })

  it('is left alone as long as it asks, up to five minutes', async () => {
    const origin = createScriptedOrigin()
    origin.answer = failing({ retryAfterSeconds: 86_400 })
    await readFor(origin, 5 * MINUTE)
    expect(origin.asked).toHaveLength(1)
    await readFor(origin, SECOND)
    expect(origin.asked).toHaveLength(2)
  })

  it('is probed one key at a time when everything fails', async () => {
    const origin = createScriptedOrigin({ times: { random: () => 0.5 } })
    origin.answer = failing()
    for (let key = 0; key < 50; key++) await expect(read(origin, `${key}`)).rejects.toBeDefined()
    expect(origin.asked).toHaveLength(5)
    origin.clock.advance(2 * SECOND)
    for (let key = 50; key < 100; key++) await expect(read(origin, `${key}`)).rejects.toBeDefined()
    expect(origin.asked).toHaveLength(6)
  })

  it('is probed by one caller while the others are told at once', async () => {
    const origin = createScriptedOrigin()
    origin.answer = failing()
    for (let key = 0; key < 5; key++) await expect(read(origin, `${key}`)).rejects.toBeDefined()
    origin.clock.advance(SECOND)
    origin.hold = true
    const probe = read(origin, 'probe')
    await expect(read(origin, 'other')).rejects.toMatchObject({ reason: 'connection_failed' })
    origin.answer = (key) => ({ value: { name: key } })
    origin.release()
    expect(await probe).toEqual({ name: 'probe' })
    origin.hold = false
    expect(await read(origin, 'third')).toEqual({ name: 'third' })
  })

  it('does not cost known answers their renewal because some keys always fail', async () => {
    const origin = createScriptedOrigin()
    await warm(origin, 'good')
    origin.answer = (key) => (key === 'good' ? { value: { name: 'renewed' } } : failing()())
    for (let key = 0; key < 4; key++) await expect(read(origin, `${key}`)).rejects.toBeDefined()
    origin.clock.advance(5 * MINUTE)
    read(origin, 'good')
    await settle()
    expect(read(origin, 'good')).toEqual({ name: 'renewed' })
  })

  it('never leads to an unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown): number => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.answer = failing()
    origin.clock.advance(5 * MINUTE)
    read(origin)
    await settle()
    await settle()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  it('may throw before it returns a promise, or throw nothing at all', async () => {
    const throwing = new RefreshCache({
      load: () => {
        throw undefined
      },
    })
    const { context } = createScriptedOrigin()
    await expect(throwing.read('a', context)).rejects.toBeUndefined()
    await expect(throwing.read('a', context)).rejects.toThrow('failed without a reason')
  })
})

describe('options of a refresh cache', () => {
  it.each([
    ['times', { times: { refreshAfter: 1 } }, 'times has no option refreshAfter'],
    ['the cache', { maxEntries: 1 }, 'RefreshCache has no option maxEntries'],
  ])('that %s does not have are refused', (_of, options: object, message) => {
    expect(() => new RefreshCache({ load: async () => undefined, ...options })).toThrow(message)
  })
})

describe('a flood of unknown keys', () => {
  it('is remembered as absent for a minute each', async () => {
    const origin = createScriptedOrigin()
    origin.answer = () => undefined
    expect(await read(origin)).toBeUndefined()
    origin.hold = true
    expect(read(origin)).toBeUndefined()
    origin.clock.advance(MINUTE)
    expect(read(origin)).toBeInstanceOf(Promise)
  })

  it('is remembered in bounded space', async () => {
    const origin = createScriptedOrigin({
      times: { unknownPerMinute: 1_000_000, unknownPerMinutePerSource: 1_000_000 },
    })
    origin.answer = () => undefined
    for (let key = 0; key < 16_500; key++) await read(origin, `${key}`)
    await read(origin, '16499')
    expect(origin.asked).toHaveLength(16_500)
    await read(origin, '0')
    expect(origin.asked).toHaveLength(16_501)
  })

  it('leads to no more fetches at once and in a minute than allowed', async () => {
    const origin = createScriptedOrigin({ times: { unknownPerMinute: 20 } })
    origin.answer = () => undefined
    const ask = (key: string): Promise<unknown> => Promise.resolve(read(origin, key)).catch((error: unknown) => error)
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => ask(`${index}`)))
    expect(origin.asked).toHaveLength(20)
    for (let index = 0; index < 60; index++) {
      origin.clock.advance(SECOND)
      for (let key = 0; key < 10; key++) await ask(`${index}/${key}`)
    }
    expect(origin.asked).toHaveLength(40)
  })

  it.each([
    ['one place leads to 40 fetches a second, and ten seconds of them at once', 1, 40],
    ['many places leads to 50 fetches a second', 100, 50],
  ])('from %s', async (_name, places, perSecond) => {
    const origin = createScriptedOrigin()
    origin.answer = () => undefined
    const ask = async (seconds: number): Promise<number> => {
      const before = origin.asked.length
      for (let question = 0; question < seconds * 100; question++) {
        const asker = { remoteAddress: `192.0.2.${question % places}` }
        await Promise.resolve(origin.cache.read(`${before} ${question}`, origin.context, asker)).catch(() => {})
        origin.clock.advance(SECOND / 100)
      }
      return origin.asked.length - before
    }
    expect(await ask(60)).toBeLessThanOrEqual(perSecond * 70)
    expect((await ask(60)) / 60).toBeCloseTo(perSecond, 0)
  })

  it('from one place leaves others what they need', async () => {
    const origin = createScriptedOrigin()
    origin.answer = (key) => (key.startsWith('known') ? { value: { name: key } } : undefined)
    const ask = (key: string, remoteAddress: string): Promise<unknown> =>
      Promise.resolve(origin.cache.read(key, origin.context, { remoteAddress })).catch((error: unknown) => error)
    for (let second = 0; second < 60; second++) {
      for (let key = 0; key < 1_000; key++) await ask(`${second} ${key}`, '192.0.2.1')
      expect(await ask(`known ${second}`, '198.51.100.1')).toEqual({ name: `known ${second}` })
      origin.clock.advance(SECOND)
    }
  })

  it('of twenty a second costs nothing that exists its answer, not even from the same place', async () => {
    const origin = createScriptedOrigin()
    origin.answer = (key) => (key.startsWith('known') ? { value: { name: key } } : undefined)
    const served: unknown[] = []
    for (let step = 0; step < 600; step++) {
      for (const name of ['agent', 'key']) await Promise.resolve(read(origin, `${name} ${step}`)).catch(() => {})
      if (step % 10 === 0) served.push(await read(origin, `known ${step}`))
      origin.clock.advance(SECOND / 20)
    }
    expect(served).toHaveLength(60)
  })

  it('that are answered with an error of their own is remembered, and closes nothing for others', async () => {
    const origin = createScriptedOrigin()
    origin.answer = (key) => {
      if (key === 'known') return { value: { name: key } }
      throw new OutboundError('status_refused', 'expected status 200', { status: 400, contentType: 'text/html' })
    }
    for (let key = 0; key < 50; key++) await expect(read(origin, `${key}`)).rejects.toMatchObject({ status: 400 })
    expect(origin.asked).toHaveLength(50)
    origin.clock.advance(59 * SECOND)
    await expect(read(origin, '49')).rejects.toMatchObject({ status: 400 })
    expect(origin.asked).toHaveLength(50)
    expect(await read(origin, 'known')).toEqual({ name: 'known' })
  })

  it.each([401, 408, 429, 500])('that are answered with %d closes the way for all', async (status) => {
    const origin = createScriptedOrigin()
    origin.answer = () => {
      throw new OutboundError('status_refused', 'expected status 200', { status })
    }
    for (let key = 0; key < 50; key++) await expect(read(origin, `${key}`)).rejects.toMatchObject({ status })
    expect(origin.asked).toHaveLength(5)
  })

  it('is not what a cold start is: a thousand keys that exist are all found, 16 at a time', async () => {
    const origin = createScriptedOrigin()
    origin.hold = true
    const answers = Promise.all(Array.from({ length: 1_000 }, (_, index) => read(origin, `${index}`)))
    let atMost = 0
    while (origin.asked.length < 1_000) {
      const before = origin.asked.length
      origin.release()
      await settle()
      atMost = Math.max(atMost, origin.asked.length - before)
    }
    origin.release()
    expect((await answers).map((answer) => (answer as { name: string }).name)).toHaveLength(1_000)
    expect(atMost).toBe(16)
  })

  it('cannot make the queue endless', async () => {
    const origin = createScriptedOrigin()
    origin.hold = true
    const answers = Array.from({ length: 2_000 }, (_, index) => Promise.resolve(read(origin, `${index}`)))
    const refused = answers.slice(1_040).map((answer) => answer.catch((error: { reason: string }) => error.reason))
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['over_budget']))
    expect(origin.asked).toHaveLength(16)
  })

  it('queues no longer than the first failures take', async () => {
    const origin = createScriptedOrigin()
    origin.hold = true
    origin.answer = failing()
    const answers = Array.from({ length: 1_000 }, (_, index) => Promise.resolve(read(origin, `${index}`)))
    const settled = Promise.allSettled(answers)
    origin.release()
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true)
    expect(origin.asked).toHaveLength(16)
  })

  it('is refused by name once the budget is spent', async () => {
    const origin = createScriptedOrigin({ times: { unknownPerMinute: 1 } })
    origin.answer = () => undefined
    await read(origin, 'x')
    await expect(read(origin, 'y')).rejects.toMatchObject({ reason: 'over_budget' })
    expect(origin.events.at(-1)).toBe('over_budget')
  })

  it('starves neither known answers nor their renewal', async () => {
    const origin = createScriptedOrigin({ times: { unknownPerMinute: 1 } })
    await warm(origin, 'known')
    origin.answer = (key) => (key === 'known' ? { value: { name: 'renewed' } } : undefined)
    origin.clock.advance(5 * MINUTE)
    for (let key = 0; key < 100; key++) Promise.resolve(read(origin, `${key}`)).catch(() => {})
    expect(read(origin, 'known')).toEqual({ name: 'known' })
    await settle()
    expect(read(origin, 'known')).toEqual({ name: 'renewed' })
  })

  it('does not count keys that turn out to exist', async () => {
    const origin = createScriptedOrigin()
    for (let key = 0; key < 1_000; key++) await warm(origin, `${key}`)
    expect(origin.asked).toHaveLength(1_000)
  })
})

describe('an attacker who asks for what the origin cannot answer', () => {
  const flood = async (origin: ScriptedOrigin, from: number): Promise<void> => {
    for (let key = from; key < from + 6; key++) await expect(read(origin, `bad ${key}`)).rejects.toBeDefined()
  }

  it('cannot keep a removed answer alive, nor a new one away', async () => {
    const origin = createScriptedOrigin()
    await warm(origin, 'removed')
    await warm(origin, 'changed')
    origin.answer = (key) => {
      if (key === 'removed') return undefined
      return key === 'changed' ? { value: { name: 'new' } } : failing()()
    }
    await flood(origin, 0)
    origin.clock.advance(5 * MINUTE)
    await flood(origin, 10)
    read(origin, 'removed')
    expect(await origin.cache.recheck('changed', origin.context)).toEqual({ name: 'new' })
    await settle()
    expect(read(origin, 'removed')).toBeUndefined()
  })

  it('does not make what is down be asked more often for what is known', async () => {
    const origin = createScriptedOrigin()
    for (let key = 0; key < 20; key++) await warm(origin, `${key}`)
    origin.asked.length = 0
    origin.answer = failing()
    origin.clock.advance(5 * MINUTE)
    await flood(origin, 0)
    for (let key = 0; key < 20; key++) {
      read(origin, `${key}`)
      await settle()
    }
    expect(origin.asked).toHaveLength(10)
  })
})

describe('a recheck', () => {
  async function warmOrigin(): Promise<ScriptedOrigin> {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.clock.advance(10 * SECOND)
    origin.answer = () => ({ value: { name: 'new' } })
    return origin
  }
  const recheck = (origin: ScriptedOrigin): unknown => origin.cache.recheck('a', origin.context)

  it('brings what is new', async () => {
    const origin = await warmOrigin()
    expect(await recheck(origin)).toEqual({ name: 'new' })
    expect(read(origin)).toEqual({ name: 'new' })
  })

  it('asks once for ten thousand callers', async () => {
    const origin = await warmOrigin()
    await Promise.all(Array.from({ length: 10_000 }, () => recheck(origin)))
    expect(origin.asked).toHaveLength(2)
  })

  it('asks once in 30 s, counted from the try, and gives the known answer meanwhile', async () => {
    const origin = await warmOrigin()
    await recheck(origin)
    origin.clock.advance(29 * SECOND)
    expect(recheck(origin)).toEqual({ name: 'new' })
    origin.clock.advance(SECOND)
    await recheck(origin)
    expect(origin.asked).toHaveLength(3)
  })

  it('does not ask again for an answer that has just come', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    expect(recheck(origin)).toEqual({ name: 'a' })
    expect(origin.asked).toHaveLength(1)
  })

  it('fails while the origin cannot tell, and leaves the known answer as it is', async () => {
    const origin = await warmOrigin()
    origin.answer = failing()
    await expect(recheck(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
    await expect(recheck(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
    expect(read(origin)).toEqual({ name: 'a' })
    expect(origin.asked).toHaveLength(2)
  })

  it('asks at most four times in a minute while the origin fails', async () => {
    const origin = await warmOrigin()
    origin.answer = failing()
    for (let request = 0; request < 1_000; request++) {
      await Promise.resolve(recheck(origin)).catch(() => {})
      expect(read(origin)).toEqual({ name: 'a' })
      origin.clock.advance(60)
    }
    expect(origin.asked.length - 1).toBeLessThanOrEqual(4)
  })

  it('spends a budget when it brings no news, and none when it does', async () => {
    const origin = createScriptedOrigin({ times: { unknownPerMinute: 2 } })
    const keys = ['a', 'b', 'c', 'd']
    for (const key of keys) await warm(origin, key)
    const recheckAll = async (): Promise<void> => {
      origin.clock.advance(MINUTE)
      for (const key of keys) await origin.cache.recheck(key, origin.context)
    }
    await recheckAll()
    expect(origin.asked).toHaveLength(6)
    origin.answer = () => ({ value: { name: 'new' }, isNews: true })
    await recheckAll()
    expect(origin.asked).toHaveLength(10)
  })

  it('waits for a renewal that is under way', async () => {
    const origin = await warmOrigin()
    origin.clock.advance(5 * MINUTE)
    origin.hold = true
    read(origin)
    const answer = recheck(origin)
    origin.release()
    expect(await answer).toEqual({ name: 'new' })
    expect(origin.asked).toHaveLength(2)
  })

  it('of a key that was never read is a read', async () => {
    const origin = createScriptedOrigin()
    expect(await recheck(origin)).toEqual({ name: 'a' })
  })
})

describe('a recheck from elsewhere', () => {
  const recheckFrom = (origin: ScriptedOrigin, remoteAddress: string, key = 'a'): unknown =>
    origin.cache.recheck(key, origin.context, { remoteAddress })

  it('is not kept back by strangers for longer than a second', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.clock.advance(MINUTE)
    await recheckFrom(origin, '192.0.2.1')
    origin.answer = () => ({ value: { name: 'rotated' }, isNews: true })
    origin.clock.advance(SECOND)
    expect(await recheckFrom(origin, '192.0.2.1')).toEqual({ name: 'a' })
    expect(await recheckFrom(origin, '198.51.100.1')).toEqual({ name: 'rotated' })
    expect(origin.asked).toHaveLength(3)
  })

  it('is made once a second at most, from however many places it is asked for', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.clock.advance(MINUTE)
    for (let place = 0; place < 100; place++) {
      await recheckFrom(origin, `192.0.2.${place}`)
      origin.clock.advance(SECOND / 10)
    }
    expect(origin.asked.length - 1).toBeLessThanOrEqual(10)
  })

  it('has a budget that unknown keys do not use up', async () => {
    const origin = createScriptedOrigin({ times: { unknownPerMinute: 1 } })
    await warm(origin)
    origin.answer = (key) => (key === 'a' ? { value: { name: 'rotated' }, isNews: true } : undefined)
    origin.clock.advance(MINUTE)
    for (let key = 0; key < 10; key++) await Promise.resolve(read(origin, `${key}`)).catch(() => {})
    expect(await recheckFrom(origin, '192.0.2.1')).toEqual({ name: 'rotated' })
  })
})

describe('an absence that may be old', () => {
  const readOld = (origin: ScriptedOrigin): unknown => origin.cache.readOrOldAbsence('a', origin.context)

  async function absent(): Promise<ScriptedOrigin> {
    const origin = createScriptedOrigin()
    origin.answer = () => undefined
    expect(await readOld(origin)).toBeUndefined()
    return origin
  }

  it('is given at once and asked about behind the caller', async () => {
    const origin = await absent()
    origin.answer = () => ({ value: { name: 'new' } })
    origin.clock.advance(2 * MINUTE)
    expect(readOld(origin)).toBeUndefined()
    await settle()
    expect(readOld(origin)).toEqual({ name: 'new' })
  })

  it('is asked about before it is given after an hour', async () => {
    const origin = await absent()
    origin.answer = () => ({ value: { name: 'new' } })
    origin.clock.advance(HOUR)
    expect(await readOld(origin)).toEqual({ name: 'new' })
  })

  it.each([
    ['the origin fails', failing()],
    ['look-ups are used up', () => undefined],
  ])('is given while %s, for a day', async (_name, answer) => {
    const origin = await absent()
    origin.answer = answer
    for (let hour = 1; hour < 24; hour++) {
      for (let key = 0; key < 500; key++) await Promise.resolve(read(origin, `${hour} ${key}`)).catch(() => {})
      expect(await readOld(origin)).toBeUndefined()
      origin.clock.advance(50 * MINUTE)
    }
  })

  it('is no answer past that day, nor to callers who do not accept it', async () => {
    const origin = await absent()
    origin.answer = failing()
    origin.clock.advance(2 * MINUTE)
    await expect(read(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
    origin.clock.advance(24 * HOUR)
    await expect(readOld(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
  })
})

describe('a cache that is told to forget', () => {
  const forgetA = (origin: ScriptedOrigin): void => origin.cache.forget(({ name }) => name === 'a', [])

  it('asks anew, and for nothing else', async () => {
    const origin = createScriptedOrigin()
    await warm(origin, 'a')
    await warm(origin, 'b')
    forgetA(origin)
    await warm(origin, 'a')
    await warm(origin, 'b')
    expect(origin.asked).toEqual(['a', 'b', 'a'])
  })

  it('does not serve it while the origin is down', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    forgetA(origin)
    origin.answer = failing()
    await expect(read(origin)).rejects.toMatchObject({ reason: 'connection_failed' })
  })

  it('asks again where a request was under way, which may have been answered before', async () => {
    const origin = createScriptedOrigin()
    origin.hold = true
    const answer = read(origin)
    forgetA(origin)
    origin.hold = false
    origin.answer = () => ({ value: { name: 'revoked' } })
    origin.release()
    expect(await answer).toEqual({ name: 'revoked' })
    expect(origin.asked).toEqual(['a', 'a'])
  })
})

describe('answers that come together', () => {
  it('are in the cache at once, and age like any other', async () => {
    const origin = createScriptedOrigin()
    const seed = origin.cache.startSeeding(origin.context)
    seed('a', { value: { name: 'seeded' } })
    expect(read(origin)).toEqual({ name: 'seeded' })
    origin.clock.advance(5 * MINUTE)
    read(origin)
    await settle()
    expect([read(origin), origin.asked]).toEqual([{ name: 'a' }, ['a']])
  })

  it('do not replace a newer answer, nor bring back what was forgotten', async () => {
    const origin = createScriptedOrigin()
    const seed = origin.cache.startSeeding(origin.context)
    origin.clock.advance(SECOND)
    await warm(origin)
    seed('a', { value: { name: 'seeded' } })
    expect(read(origin)).toEqual({ name: 'a' })
    origin.cache.forget(() => false, ['b'])
    seed('b', { value: { name: 'seeded' } })
    expect(await read(origin, 'b')).toEqual({ name: 'b' })
  })
})

describe('a closed cache', () => {
  it('tells the origin, asks no more, and still gives what it has', async () => {
    const origin = createScriptedOrigin()
    await warm(origin)
    origin.cache.close()
    expect(origin.requests[0]?.signal.aborted).toBe(true)
    expect(read(origin)).toEqual({ name: 'a' })
    await expect(read(origin, 'b')).rejects.toMatchObject({ reason: 'closed' })
    origin.clock.advance(6 * MINUTE)
    expect(read(origin)).toEqual({ name: 'a' })
    expect(origin.asked).toHaveLength(1)
  })
})

describe('any history of outages', () => {
  it('never gives an answer past its limit, and never asks twice at a time', async () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 2 * HOUR }), up: fc.boolean(), recheck: fc.boolean() })
    const history = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const origin = createScriptedOrigin({ times: { staleIfErrorMs: 4 * HOUR } })
      for (const { waitMs, up, recheck } of steps) {
        origin.clock.advance(waitMs)
        const nowMs = origin.clock.monotonicMs()
        origin.answer = up ? () => ({ value: { name: `${nowMs}` } }) : failing()
        const before = origin.asked.length
        const ask = recheck ? 'recheck' : 'read'
        const answer = await Promise.resolve(origin.cache[ask]('a', origin.context)).catch(() => undefined)
        await settle()
        expect(origin.asked.length - before).toBeLessThanOrEqual(1)
        expect(nowMs - Number(answer?.name ?? nowMs)).toBeLessThan(4 * HOUR)
        const isRenewed = up && origin.asked.length > before
        const kept = isRenewed ? read(origin) : { name: `${nowMs}` }
        expect(kept).toEqual({ name: `${nowMs}` })
      }
    })
    await fc.assert(history, { numRuns: 100 })
  })
})

describe('the times of a cache', () => {
  it.each([
    { refreshAfterMs: 0 },
    { refreshAfterMs: Number.NaN },
    { refreshAfterMs: 2 * HOUR },
    { staleIfErrorMs: -1 },
    { absentMs: 300_001 },
    { unknownPerMinute: 0 },
    { maxEntries: Number.POSITIVE_INFINITY },
  ])('refuse %j', (times) => {
    expect(() => createScriptedOrigin({ times })).toThrow(TypeError)
  })
})
