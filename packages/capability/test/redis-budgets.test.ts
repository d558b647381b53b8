import { isUnavailable } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'
import { createFakeClock, createTestEnvironment, startRedis } from '@countermark/testing'
import { Redis } from 'ioredis'
import { describeWithEachClient, describeWithRedis, useRedis } from '../../../test/support/redis-clients.ts'
import { redisBudgets } from '../src/budgets/redis-budgets.ts'
import { describeBudgetStore } from './describe-budget-store.ts'

const CLAIM = { key: 'k', windowSeconds: 60, limit: 2, cost: 1, unit: 'requests' }

describeWithRedis('redisBudgets', (command) => {
  describeWithEachClient(command, {
    describeStore: describeBudgetStore,
    create: (client, prefix, options) => redisBudgets({ client, prefix, deadlineMs: 2000, ...options }),
  })

  describe('with a server', () => {
    const server = useRedis(command)

    it('counts over processes: stores that share a server share the budgets', async () => {
      const clients = [new Redis(server().url), new Redis(server().url)]
      const environment = createTestEnvironment()
      const stores = clients.map((client) => redisBudgets({ client, prefix: 'shared:', deadlineMs: 2000 }))
      const asked = Array.from({ length: 50 }, (_, index) => stores[index % 2]?.reserve([CLAIM], environment))
      const outcomes = (await Promise.all(asked)).map((each) => each?.outcome)
      expect(outcomes.filter((outcome) => outcome === 'reserved')).toHaveLength(2)
      for (const client of clients) client.disconnect()
    })

    it('goes by the clock of the server, and lets counters end by themselves', async () => {
      const client = new Redis(server().url)
      const store = redisBudgets({ client, prefix: 'own:', deadlineMs: 2000 })
      await store.reserve([CLAIM], createTestEnvironment({ clock: systemClock }))
      const slices = Object.keys(await client.hgetall('own:{budget}:k')).map(Number)
      expect(Math.abs((slices[0] ?? 0) - Date.now() / 1000)).toBeLessThan(60)
      const ttl = await client.pttl('own:{budget}:k')
      expect(ttl).toBeGreaterThan(59_000)
      expect(ttl).toBeLessThanOrEqual(62_000)
      client.disconnect()
    })
  })

  describe('with a server that does not answer', () => {
    it('refuses, soon, and after five times at once; and takes up again', async () => {
      const server = await startRedis({ command })
      const client = new Redis(server.url)
      client.on('error', () => undefined)
      const clock = createFakeClock()
      const environment = createTestEnvironment({ clock })
      const store = redisBudgets({ client, deadlineMs: 30 })
      const outcome = () =>
        Promise.resolve(store.reserve([{ ...CLAIM, limit: 100 }], environment)).then(
          (each) => each.outcome,
          (error: unknown) => (isUnavailable(error) ? error.code : error),
        )
      expect(await outcome()).toBe('reserved')
      server.signal('SIGSTOP')
      const outcomes = [await outcome(), await outcome(), await outcome(), await outcome(), await outcome()]
      expect(new Set(outcomes)).toEqual(new Set(['budget_store_unavailable']))
      const begun = performance.now()
      expect([await outcome(), performance.now() - begun < 25]).toEqual(['budget_store_unavailable', true])
      expect(environment.observer.total('degraded', { dependency: 'budgets' })).toBe(1)
      server.signal('SIGCONT')
      await client.ping()
      expect(await outcome()).toBe('budget_store_unavailable')
      clock.advance(1000)
      expect(await outcome()).toBe('reserved')
      client.disconnect()
      await server.stop()
    })
  })
})

describe('redisBudgets that cannot work', () => {
  const call = async (): Promise<undefined> => undefined

  it.each<[object]>([
    [{}],
    [{ client: {} }],
    [{ client: { call }, deadlineMs: 0 }],
    [{ client: { call }, clock: {} }],
    [{ client: { call }, deadline: 5 }],
  ])('does not start: %j', (options) => {
    expect(() => redisBudgets(options as never)).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
  })
})
