import { isUnavailable } from '@countermark/core'
import { createTestEnvironment, startRedis } from '@countermark/testing'
import { Redis } from 'ioredis'
import { describeWithEachClient, describeWithRedis, useRedis } from '../../../test/support/redis-clients.ts'
import { redisAnswers } from '../src/redis-answers.ts'
import { describeAnswerStore } from './describe-answer-store.ts'

const REQUEST = { id: 'k', fingerprint: 'f', agentId: 'agt_a' }
const ANSWER = { status: 200, headers: [], body: Buffer.from('done') }

describeWithRedis('redisAnswers', (command) => {
  describeWithEachClient(command, {
    describeStore: describeAnswerStore,
    create: (client, prefix, options) => redisAnswers({ client, prefix, deadlineMs: 2000, ...options }),
  })

  describe('with a server', () => {
    const server = useRedis(command)

    it('keeps keys and answers as long as it was told, in all', async () => {
      const client = new Redis(server().url)
      const store = redisAnswers({ client, keepSeconds: 100, deadlineMs: 2000 })
      const state = await store.begin(REQUEST, createTestEnvironment())
      const [key = ''] = await client.keys('countermark:answer:api.example.com:*:k')
      await client.pexpire(key, 50_000)
      if (state.state === 'first') await state.finish(ANSWER)
      const ttl = await client.pttl(key)
      expect(ttl).toBeGreaterThan(45_000)
      expect(ttl).toBeLessThanOrEqual(50_000)
      client.disconnect()
    })

    it('keeps services apart that share a server', async () => {
      const client = new Redis(server().url)
      const store = redisAnswers({ client, deadlineMs: 2000 })
      const states = ['one.example', 'two.example', 'one.example'].map((name) =>
        store.begin(REQUEST, { ...createTestEnvironment(), service: () => name }),
      )
      expect((await Promise.all(states)).map(({ state }) => state)).toEqual(['first', 'first', 'running'])
      client.disconnect()
    })
  })

  describe('an attacker', () => {
    const server = useRedis(command)

    it('gets no more keys by giving one back in another hour than it took it', async () => {
      const client = new Redis(server().url)
      const keepMs = 86_400_000
      const store = redisAnswers({ client, maxKeysPerAgent: 2, deadlineMs: 2000 })
      const environment = createTestEnvironment()
      const before = await store.begin(REQUEST, environment)
      // As if five hours had gone by since.
      const [key = ''] = await client.keys('*:k')
      const [usage = ''] = await client.keys('*:usage')
      const [[field = '', count = ''] = []] = Object.entries(await client.hgetall(usage))
      const hour = Number(field.slice('n:'.length))
      await client.pexpire(key, keepMs - 5 * 3_600_000)
      await client.del(usage)
      await client.hset(usage, `n:${hour - 5}`, count)
      if (before.state === 'first') await before.abandon()
      expect(await client.hgetall(usage)).toEqual({ [`n:${hour - 5}`]: '0' })
      const states = await Promise.all(['a', 'b', 'c'].map((id) => store.begin({ ...REQUEST, id }, environment)))
      expect(states.map(({ state }) => state)).toEqual(['first', 'first', 'over_quota'])
      client.disconnect()
    })
  })

  describe('with a server that is slow', () => {
    it('refuses, and frees the key when the server has taken it after all', async () => {
      const server = await startRedis({ command })
      const client = new Redis(server.url)
      client.on('error', () => undefined)
      const store = redisAnswers({ client, deadlineMs: 30 })
      const environment = createTestEnvironment()
      await client.ping()
      server.signal('SIGSTOP')
      const refused = await Promise.resolve(store.begin(REQUEST, environment)).catch((error: unknown) => error)
      expect(isUnavailable(refused) && refused.code).toBe('idempotency_store_unavailable')
      server.signal('SIGCONT')
      await client.ping()
      await client.ping()
      expect((await store.begin(REQUEST, environment)).state).toBe('first')
      client.disconnect()
      await server.stop()
    })
  })
})

describe('redisAnswers that cannot work', () => {
  it.each<[object]>([[{}], [{ client: {} }], [{ client: { call: async () => undefined }, keepSeconds: 0 }]])(
    'does not start: %j',
    (options) => {
      expect(() => redisAnswers(options as never)).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
    },
  )
})
