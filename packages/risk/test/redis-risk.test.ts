import { isUnavailable } from '@countermark/core'
import { assessRisk, type LevelChange, type Observation, type RiskBook, redisRisk } from '@countermark/risk'
import { createFakeClock, createTestEnvironment, startRedis } from '@countermark/testing'
import { Redis } from 'ioredis'
import { describeWithEachClient, describeWithRedis, useRedis } from '../../../test/support/redis-clients.ts'
import { type RiskPolicy, readPolicy } from '../src/policy/policy.ts'

const START_MS = Date.UTC(2026, 0, 5, 9)
const POLICY: RiskPolicy = { baseline: 'enforce', limits: { requestsPerMinute: 5 } }
const REVIEW = { by: 'rita', why: 'key is lost' } as const
const clock = createFakeClock(START_MS)
const environment = createTestEnvironment({ clock })

type Client = Parameters<typeof redisRisk>[0]['client']

interface Opened extends RiskBook {
  readonly changes: LevelChange[]
}

function open(client: Client, prefix: string, deadlineMs = 2000): Opened {
  const changes: LevelChange[] = []
  const settings = { rules: readPolicy(POLICY), network: undefined, onSignal: () => undefined }
  const onChange = (change: LevelChange): void => void changes.push(change)
  return { ...redisRisk({ client, prefix, deadlineMs }).open({ ...settings, onChange }), changes }
}

function seen(at: number, more: Partial<Observation> = {}): Observation {
  const names = { route: 7, resource: 3, resourceNumber: 4, user: 3, key: 5, capability: 0, amount: -1 }
  return {
    agentId: 'agt_a',
    atMs: START_MS + at * 100,
    isSafe: true,
    address: '192.0.2.7',
    isHoney: false,
    ...names,
    ...more,
  }
}

async function send(book: RiskBook, from: number, count: number): Promise<void> {
  for (let at = from; at < from + count; at++) await book.assess(seen(at), environment)
}

describeWithRedis('redisRisk', (command) => {
  describeWithEachClient(command, {
    create: (client, prefix) => ({ client, prefix }),
    describeStore: (name, openClient) => {
      it(`takes requests of two processes for one behaviour, and tells of a level once: ${name}`, async () => {
        const { createStore, close } = await openClient()
        const { client, prefix } = createStore()
        const books = [open(client, prefix), open(client, prefix)] as const
        for (let at = 0; at < 8; at++) await books[at % 2 === 0 ? 0 : 1].assess(seen(at), environment)
        const levels = await Promise.all(books.map((book) => book.find('agt_a', START_MS + 900)))
        expect(levels).toMatchObject([{ level: 'throttle' }, { level: 'throttle' }])
        expect(books.flatMap(({ changes }) => changes.map(({ to }) => to))).toEqual(['throttle'])
        await close()
      })
    },
  })

  describe('with a server', () => {
    const server = useRedis(command)
    const clients: Redis[] = []

    function connect(): Redis {
      const client = new Redis(server().url)
      clients.push(client)
      return client
    }

    afterEach(() => {
      for (const client of clients.splice(0)) client.disconnect()
    })

    it('holds a level that one process sets in another within a second', async () => {
      const [one, other] = [open(connect(), 'levels:'), open(connect(), 'levels:')]
      await other.assess(seen(0), environment)
      await one.review('agt_a', { action: 'raise', level: 'block', ...REVIEW }, START_MS)
      const begun = performance.now()
      expect(await other.assess(seen(1), environment)).toMatchObject({ level: 'block' })
      expect(performance.now() - begun).toBeLessThan(1000)
    })

    it('keeps levels and baselines over a restart of every process', async () => {
      const before = open(connect(), 'restart:')
      await send(before, 0, 80)
      const after = open(connect(), 'restart:')
      const moment = START_MS + 8000
      expect(await after.find('agt_a', moment)).toEqual(await before.find('agt_a', moment))
      expect(await after.find('agt_a', moment)).toMatchObject({ level: 'throttle' })
    })

    it('comes to the same in every process, whichever of them a request meets', async () => {
      const books = [open(connect(), 'same:'), open(connect(), 'same:'), open(connect(), 'same:')] as const
      for (let at = 0; at < 300; at++) await books[at % 7 < 4 ? 0 : at % 2 === 0 ? 1 : 2].assess(seen(at), environment)
      const standings = await Promise.all(books.map((book) => book.find('agt_a', START_MS + 40_000)))
      expect(standings[1]).toEqual(standings[0])
      expect(standings[2]).toEqual(standings[0])
    })

    it('lets one request a second pass over all processes', async () => {
      const books = [open(connect(), 'turns:'), open(connect(), 'turns:')] as const
      await books[0].review('agt_a', { action: 'raise', level: 'throttle', ...REVIEW }, START_MS)
      const waits = await Promise.all(
        Array.from(
          { length: 10 },
          async (_, at) => (await books[at % 2 === 0 ? 0 : 1].assess(seen(at), environment)).waitSeconds,
        ),
      )
      expect(waits.filter((wait) => wait === 0)).toHaveLength(1)
    })

    it('does with one round trip, by the digest of its script', async () => {
      const client = connect()
      const book = open(client, 'trips:')
      await send(book, 0, 2)
      const calls: string[] = []
      const call = (name: string, ...args: string[]): Promise<unknown> => {
        calls.push(name)
        return client.call(name, ...args)
      }
      const counting = { call }
      await send(open(counting, 'trips:'), 2, 3)
      expect(calls).toEqual(['EVALSHA', 'EVALSHA', 'EVALSHA'])
    })

    it('keeps no more than some lines and a snapshot of an agent, and no name of what it called', async () => {
      const client = connect()
      await send(open(client, 'bounded:'), 0, 600)
      const [log, ...others] = (await client.keys('bounded:*')).sort()
      expect([others.length, await client.llen(log ?? '')]).toEqual([1, expect.any(Number)])
      expect(await client.llen(log ?? '')).toBeLessThanOrEqual(64)
      expect((await client.lrange(log ?? '', -1, -1))[0]).toMatch(/^\["a",[\d,.-]+,""\]$/)
    })

    it('brings back what it knows to a Redis that has lost everything', async () => {
      const client = connect()
      const book = open(client, 'lost:')
      await book.review('agt_a', { action: 'raise', level: 'read-only', ...REVIEW }, START_MS)
      await client.flushall()
      expect(await book.assess(seen(1), environment)).toMatchObject({ level: 'read-only' })
      await new Promise((resolve) => setImmediate(resolve))
      await client.ping()
      expect(await open(connect(), 'lost:').assess(seen(2), environment)).toMatchObject({ level: 'read-only' })
    })

    it('hears ends of requests with the next request', async () => {
      const [one, other] = [open(connect(), 'ends:'), open(connect(), 'ends:')]
      await one.assess(seen(0), environment)
      for (let at = 0; at < 40; at++) one.tell({ agentId: 'agt_a', atMs: START_MS + at, end: 'refused' })
      await one.assess(seen(1), environment)
      expect(JSON.stringify(await other.find('agt_a', START_MS + 200))).toContain('failure_limit')
    })

    it('passes over what another has written into the log', async () => {
      const client = connect()
      const book = open(client, 'foreign:')
      await book.assess(seen(0), environment)
      const log = (await client.keys('foreign:*:log'))[0] ?? ''
      const state = log.replace(/log$/, 'state')
      for (const text of ['nonsense', '["a",1]', '["z",1,2]', '["r",1,{"action":"raise"}]']) {
        await client.rpush(log, text)
        await client.hincrby(state, 'seq', 1)
      }
      expect(await book.assess(seen(1), environment)).toMatchObject({ level: 'allow', score: 0 })
    })
  })

  describe('with a server that does not answer', () => {
    it('falls back to what this process knows, soon, says so, and tells what it found when the server is back', async () => {
      const server = await startRedis({ command })
      const client = new Redis(server.url)
      client.on('error', () => undefined)
      const book = open(client, 'dead:', 500)
      await book.review('agt_a', { action: 'raise', level: 'read-only', ...REVIEW }, START_MS)
      server.signal('SIGSTOP')
      const risk = assessRisk({ store: { name: 'redis', open: () => book }, policy: POLICY })
      const begun = performance.now()
      const failed = await Promise.resolve(book.assess(seen(1), environment)).catch((error: unknown) => error)
      expect([isUnavailable(failed), performance.now() - begun < 5000]).toEqual([true, true])
      expect(book.assessAlone?.(seen(2), environment)).toMatchObject({ level: 'read-only' })
      expect(book.assessAlone?.(seen(3, { isHoney: true }), environment)).toMatchObject({ level: 'block' })
      server.signal('SIGCONT')
      await client.ping()
      await book.assess(seen(4), environment)
      await book.close?.()
      const other = new Redis(server.url)
      expect(await open(other, 'dead:').find('agt_a', START_MS + 500)).toMatchObject({ level: 'block' })
      for (const each of [client, other]) each.disconnect()
      await risk.close()
      await server.stop()
    })

    it('is spared after five failures in a row, and a decision of a person is refused rather than lost', async () => {
      const client = new Redis({
        host: '127.0.0.1',
        port: 1,
        lazyConnect: true,
        enableOfflineQueue: false,
        retryStrategy: () => null,
      })
      client.on('error', () => undefined)
      const book = open(client, 'none:', 50)
      const decided = Promise.resolve(book.review('agt_a', { action: 'clear', ...REVIEW }, START_MS))
      await expect(decided).rejects.toMatchObject({ code: 'risk_unavailable' })
      client.disconnect()
    })
  })

  describe('with a server that lies', () => {
    it.each([
      ['a number', 7],
      ['an empty list', []],
      ['numbers that do not fit', ['e', '1', '9', '0', '', ['x']]],
      ['another entry than the one that was sent', ['e', '1', '1', '0', '', ['["a",0]']]],
      ['no epoch', [null, '1', '1', '0', '', ['x']]],
    ])('takes %s for no answer', async (_, answer) => {
      const book = open({ call: async () => answer }, 'lies:')
      await expect(Promise.resolve(book.assess(seen(0), environment))).rejects.toMatchObject({
        code: 'risk_unavailable',
      })
    })

    it('takes a snapshot that is none for none', async () => {
      const entry = (args: readonly string[]): string => args.at(-1) ?? ''
      const lying = { call: async (_: string, ...args: string[]) => ['e', '5', '5', '4', 'nonsense', [entry(args)]] }
      expect(await open(lying, 'lies:').assess(seen(0), environment)).toMatchObject({ level: 'allow' })
    })
  })
})
