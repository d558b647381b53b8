import {
  requireProgram,
  type StartedRedis,
  type StartedServer,
  startRedis,
  startServer,
  type TestAgent,
} from '@countermark/testing'
import { type AuthorityLink, fromAuthority } from 'countermark/express'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { type Authority, createAuthority } from '../../src/index.ts'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { openDoorStream } from './door-stream.ts'
import { until } from './until.ts'

const TOKEN = 'a-token-of-doors'

interface Client {
  readonly redis: Parameters<typeof createAuthority>[0]['push'] extends infer Push
    ? Push extends { readonly redis: infer Redis }
      ? Redis
      : never
    : never
  readonly close: () => Promise<void>
}

const CLIENTS: Readonly<Record<string, (url: string) => Promise<Client>>> = {
  ioredis: async (url) => {
    const redis = new Redis(url).on('error', () => undefined)
    return { redis, close: async () => redis.disconnect() }
  },
  'node-redis': async (url) => {
    const client = createClient({ url }).on('error', () => undefined)
    await client.connect()
    return { redis: client, close: async () => client.destroy() }
  },
}

const command = requireProgram('redis-server')
if (command !== undefined) {
  describeStores((createPlace) => {
    describe.each(Object.entries(CLIENTS))('stops that are pushed by Redis, with %s', (_name, connect) => {
      let place: StorePlace
      let redis: StartedRedis
      let client: Client
      let world: World
      let other: Authority
      let server: StartedServer
      let otherServer: StartedServer
      let call: ReturnType<typeof createCaller>
      let by: TestAgent

      beforeAll(async () => {
        place = await createPlace()
        redis = await startRedis({ command })
        client = await connect(redis.url)
        const push = { redis: client.redis, stream: 'test:stops' }
        world = await createWorld(place.open(), { doorTokens: [TOKEN], push })
        by = world.admin
        server = await startServer((req, res) => void world.authority.handle(req, res))
        call = createCaller(server.port)
        other = (await createWorld(place.open(), { doorTokens: [TOKEN], push })).authority
        otherServer = await startServer((req, res) => void other.handle(req, res))
        await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
        await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: [] } })
        for (let index = 0; index < 13; index += 1) {
          const body = { tenant: 'acme', id: `agt_${index}`, name: 'A', purpose: 'p', owners: ['jane'] }
          await call('POST', '/agents', { by, body })
        }
      }, 60_000)
      afterAll(async () => {
        await world.authority.close()
        await other.close()
        await server.close()
        await otherServer.close()
        await world.close()
        await world.authority.store.close()
        await other.store.close()
        await client.close()
        await redis.stop()
        await place.remove()
      })

      const follow = (port: number, onLost: (error: unknown) => void = () => undefined): AuthorityLink =>
        fromAuthority(`http://127.0.0.1:${port}`, {
          ...{ door: 'door-1', token: TOKEN, allowHttp: true, allowPrivateAddresses: true, onLost },
          ...{ redis: client.redis, redisStream: 'test:stops' },
        })
      const stop = (index: number) =>
        call('POST', '/stops', { by, body: { target: { kind: 'agent', agent: `agt_${index}` }, reason: 'stolen' } })
      const isStopped = (door: AuthorityLink, index: number): boolean =>
        door.revocations.findSigner({ agentId: `agt_${index}`, thumbprint: 'x', created: 0 }) === 'agent'

      it('tell a door that reads the stream, and count it as reached', async () => {
        const door = follow(server.port)
        await door.ready()
        await until(() => door.state().link === 'redis')
        const { body } = await stop(0)
        await until(() => isStopped(door, 0))
        expect(door.state()).toMatchObject({ link: 'redis', isStale: false })
        await until(async () => (await call('GET', `/stops/${body.id}`, { by })).body.doors.reached === 1)
        door.close()
      })

      it('wake the streams of another process of the authority', async () => {
        const { seq } = (await call('GET', '/doors/door-2/changes', { headers: { authorization: `Bearer ${TOKEN}` } }))
          .body
        const door = await openDoorStream(otherServer.port, TOKEN, `/doors/door-2/events?after=${seq}`)
        await stop(1)
        await door.wait(1)
        expect(door.lines[0]).toMatchObject({ seq: seq + 1, event: { agentId: 'agt_1' } })
        door.close()
      })

      it('are each written once, in order, though two processes write', async () => {
        await Promise.all([2, 3].map(stop))
        const raw = new Redis(redis.url)
        await until(async () => (await raw.xrevrange('test:stops', '+', '-', 'COUNT', 3)).length === 3)
        const seqs = async (): Promise<readonly number[]> =>
          (await raw.xrange('test:stops', '-', '+'))
            .filter(([, [field]]) => field === 'line')
            .map(([id]) => Number(id.split('-')[0]))
        const headers = { authorization: `Bearer ${TOKEN}` }
        const { seq } = (await call('GET', '/doors/door-2/changes', { headers })).body
        await until(async () => (await seqs()).at(-1) === seq)
        const written = await seqs()
        expect(written).toEqual(written.map((_seq, index) => (written[0] ?? 0) + index))
        raw.disconnect()
      })

      it('are asked for when Redis has lost them, or counts otherwise', async () => {
        const lost: unknown[] = []
        const door = follow(server.port, (error) => void lost.push(error))
        await door.ready()
        await until(() => door.state().link === 'redis')
        const raw = new Redis(redis.url)
        const { seq } = door.state()
        // A line of another authority, or of an attacker who may write there: it counts on from what the door has not.
        await raw.xadd(
          'test:stops',
          `${seq + 5}-0`,
          'line',
          JSON.stringify({ seq: seq + 5, action: 'withdraw', event: { type: 'agent', agentId: 'agt_0' } }),
        )
        await stop(4)
        await until(() => isStopped(door, 4))
        expect(isStopped(door, 0)).toBe(true)
        await until(() => door.state().link === 'redis')
        await raw.del('test:stops')
        await stop(5)
        await until(() => isStopped(door, 5))
        raw.disconnect()
        door.close()
      })

      it('are lost by no door when Redis is killed among them, and come by the stream of the authority', async () => {
        const door = follow(server.port)
        await door.ready()
        await until(() => door.state().link === 'redis')
        const stops = [6, 7, 8, 9, 10, 11].map(async (index) => {
          const { status } = await stop(index)
          if (index === 7) redis.signal('SIGKILL')
          return status
        })
        expect(await Promise.all(stops)).toEqual([201, 201, 201, 201, 201, 201])
        await redis.exited
        await until(() => [6, 7, 8, 9, 10, 11].every((index) => isStopped(door, index)))
        await until(() => door.state().link === 'stream')
        await stop(12)
        await until(() => isStopped(door, 12))
        expect(door.state().isStale).toBe(false)
        door.close()
      })
    })
  })
}

describe('the options', () => {
  it('want a client that can open another connection', () => {
    const redis = { call: async () => null }
    const door = () => fromAuthority('https://authority.test', { redis })
    expect(door).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
    const authority = () =>
      createAuthority({ origins: ['a.test'], push: { redis } } as unknown as Parameters<typeof createAuthority>[0])
    expect(authority).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_OPTION/) }))
  })
})
