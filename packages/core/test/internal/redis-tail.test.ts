import { requireProgram, type StartedRedis, startRedis } from '@countermark/testing'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { type RedisClient, readRedisTail } from '../../src/internal.ts'

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

/** Without a timer of its own. @returns how many timers are left after at most a second */
async function timersLeft(expected: number): Promise<number> {
  const until = performance.now() + 1000
  while (timers() > expected && performance.now() < until) await new Promise((resolve) => setImmediate(resolve))
  return timers()
}

interface Opened {
  readonly client: RedisClient
  readonly close: () => void
}

const CLIENTS: Readonly<Record<string, (url: string) => Promise<Opened>>> = {
  ioredis: async (url) => {
    const client = new Redis(url).on('error', () => undefined)
    await client.ping()
    return { client, close: () => client.disconnect() }
  },
  'node-redis': async (url) => {
    const client = createClient({ url }).on('error', () => undefined)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
}

const command = requireProgram('redis-server')
if (command !== undefined) {
  describe.each(Object.entries(CLIENTS))('the tail of a stream, by %s', (_name, open) => {
    let redis: StartedRedis
    let opened: Opened

    beforeAll(async () => {
      redis = await startRedis({ command })
      opened = await open(redis.url)
    })
    afterAll(async () => {
      opened.close()
      await redis.stop()
    })

    it('leaves no timer that keeps the process alive, once it is told to end', async () => {
      const before = timers()
      const ending = new AbortController()
      const options = { owner: 'test', client: opened.client, stream: 'tail', after: '$', silenceMs: 5000 }
      const tail = readRedisTail({ ...options, signal: ending.signal }, () => true)
      expect(timers()).toBeGreaterThan(before)
      // What connects after it is answered after it: the tail waits by now.
      const other = await open(redis.url)
      other.close()
      ending.abort()
      await tail
      expect(await timersLeft(before)).toBeLessThanOrEqual(before)
    })
  })
}
