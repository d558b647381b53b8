import { prometheusMetrics } from '@countermark/metrics'
import { type StartedServer, startServer } from '@countermark/testing'
import { Registry } from 'prom-client'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'
import { type DoorStream, openDoorStream } from './door-stream.ts'
import { until } from './until.ts'

describe('streams of doors', () => {
  const registry = new Registry()
  const open: DoorStream[] = []
  let place: StorePlace
  let world: World
  let server: StartedServer

  beforeAll(async () => {
    place = await sqlitePlace()
    const observers = [prometheusMetrics({ register: registry })]
    const doorStreams = { eachToken: 2, all: 3 }
    world = await createWorld(place.open(), { doorTokens: ['one', 'two'], doorStreams, observers })
    server = await startServer((req, res) => void world.authority.handle(req, res))
  })
  afterAll(async () => {
    for (const stream of open) stream.close()
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  const begin = async (token: string): Promise<void> => {
    open.push(await openDoorStream(server.port, token, `/doors/door-${open.length}/events`))
  }
  const ask = (token: string) =>
    createCaller(server.port)('GET', '/doors/door-x/events', { headers: { authorization: `Bearer ${token}` } })
  const metric = async (name: string): Promise<string> => registry.getSingleMetricAsString(name)

  it('are as many as one token may open, and as many as there may be in all', async () => {
    await begin('one')
    await begin('one')
    const refused = {
      status: 503,
      body: { code: 'streams_exhausted', retry: 'later' },
      headers: { 'retry-after': '5' },
    }
    expect(await ask('one')).toMatchObject(refused)
    await begin('two')
    expect(await ask('two')).toMatchObject(refused)
    expect(await metric('countermark_door_streams')).toMatch(/^countermark_door_streams 3$/m)
    const text = await metric('countermark_door_streams_refused_total')
    expect([text.match(/\{limit="token"\} 1/)?.length, text.match(/\{limit="all"\} 1/)?.length]).toEqual([1, 1])
  })

  it('make room when they end, and other questions are answered all the while', async () => {
    const changes = { headers: { authorization: 'Bearer two' } }
    expect((await createCaller(server.port)('GET', '/doors/door-x/changes', changes)).status).toBe(200)
    open.shift()?.close()
    await until(async () => /countermark_door_streams 2$/m.test(await metric('countermark_door_streams')))
    await begin('one')
    expect(await ask('one')).toMatchObject({ body: { code: 'streams_exhausted' } })
  })

  it('are limited by numbers', async () => {
    const wrong = createWorld(place.open(), { doorStreams: { eachToken: 0 } })
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })
})
