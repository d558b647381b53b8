import { isUnavailable } from '@countermark/core'
import { createTestEnvironment, startRedis } from '@countermark/testing'
import { Redis } from 'ioredis'
import { redisAnswers } from '../src/idempotency/redis-answers.ts'
import { describeAnswerStore } from './describe-answer-store.ts'
import { CLIENTS, describeWithRedis, useRedis } from './redis-clients.ts'

const REQUEST = { id: 'k', fingerprint: 'f', agentId: 'agt_a' }
const ANSWER = { status: 200, headers: [], body: Buffer.from('done') }

describeWithRedis('redisAnswers', (command) => {
  for (const [name, open] of CLIENTS) {
    describeAnswerStore(name, async () => {
      const server = await startRedis({ command })
      const { client, close } = await open(server.url)
      let stores = 0
      return {
        createStore: (options) => redisAnswers({ client, prefix: `${stores++}:`, deadlineMs: 2000, ...options }),
        close: async () => {
          await close()
          await server.stop()
        },
      }
    })
  }

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
