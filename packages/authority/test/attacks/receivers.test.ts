import { type StartedServer, startServer } from '@countermark/testing'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import type { Answered } from '../authority-world.ts'
import { type Received, startReceiver } from '../events/receiver.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { startTrustWorld, type TrustWorld } from '../trust-world.ts'

describeStores((createPlace) => {
  let place: StorePlace
  let trust: TrustWorld
  let receiver: StartedServer
  const received: Received[] = []

  beforeAll(async () => {
    place = await createPlace()
    receiver = await startReceiver(received, () => 204)
    trust = await startTrustWorld(place.open(), { eventHttp: { ...LOOPBACK, deadlineMs: 60_000 } })
    await trust.enrol('agt_a', 'acme')
    await trust.enrol('agt_b', 'acme')
  }, 60_000)
  afterAll(async () => {
    await trust.close()
    await receiver.close()
    await place.remove()
  })

  const manage = (method: string, path: string, body?: object): Promise<Answered> =>
    trust.call(method, path, { by: trust.world.admin, ...(body === undefined ? {} : { body }) })
  const hook = (url: string, more: object = {}): Promise<Answered> => manage('POST', '/webhooks', { url, ...more })
  const suspend = (id: string): Promise<Answered> => manage('POST', `/agents/${id}/suspension`, { reason: 'odd' })
  const resume = (id: string): Promise<Answered> => manage('DELETE', `/agents/${id}/suspension`)
  const remove = (id: string): Promise<Answered> => manage('DELETE', `/event-receivers/${id}`)
  const deliver = (): Promise<number> => trust.world.authority.deliverEvents()

  it('a stream that is polled hears of a stop behind a hundred lines that are none of its events', async () => {
    const { body: stream } = await manage('POST', '/ssf/streams', {
      aud: 'https://partner.example',
      delivery: { method: 'urn:ietf:rfc:8936' },
    })
    for (let count = 0; count < 110; count += 1)
      await trust.call('PATCH', '/agents/agt_b', {
        by: trust.world.admin,
        body: { name: `Name ${count}` },
        headers: { 'if-match': '*' },
      })
    await suspend('agt_b')
    const { endpoint_url: url, authorization_header: authorization } = stream.delivery
    const { body } = await trust.call('POST', new URL(url).pathname, { body: {}, headers: { authorization } })
    expect(Object.keys(body.sets)).toHaveLength(1)
    await remove(stream.id)
    await resume('agt_b')
  }, 60_000)

  it('a receiver that does not answer holds up no other', async () => {
    const held: (() => void)[] = []
    let isOpen = false
    const tarpit = await startServer((_request, response) => {
      if (isOpen) response.writeHead(204).end()
      else held.push(() => response.writeHead(204).end())
    })
    const slow = await hook(`${tarpit.origin}/`, { tenant: 'acme' })
    const quick = await hook(`${receiver.origin}/`)
    received.length = 0
    await suspend('agt_a')
    const first = deliver()
    const seen = async (): Promise<number> => {
      for (let tries = 0; tries < 400 && received.length === 0; tries += 1)
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      return received.length
    }
    // Before its own turn, the slow one keeps its connection open.
    while (held.length === 0) await new Promise(setImmediate)
    expect(await seen()).toBeGreaterThan(0)
    isOpen = true
    for (const release of held) release()
    await first
    await remove(slow.body.id)
    await remove(quick.body.id)
    await resume('agt_a')
    await tarpit.close()
  }, 60_000)

  it('a tenant that takes every place of its own leaves other tenants theirs', async () => {
    const made: string[] = []
    for (let count = 0; count < 100; count += 1)
      made.push((await hook('https://hooks.example.com/', { tenant: 'acme' })).body.id)
    const more = await hook('https://hooks.example.com/', { tenant: 'acme' })
    expect(more).toMatchObject({ status: 409, body: { code: 'state_conflict' } })
    const others = [
      await hook('https://hooks.example.com/', { tenant: 'globex' }),
      await hook('https://h.example.com/'),
    ]
    expect(others.map(({ status }) => status)).toEqual([201, 201])
    for (const id of [...made, ...others.map(({ body }) => body.id)]) await remove(id)
  }, 60_000)

  it('a tenant hears of the keys of its agents', async () => {
    const { body } = await hook(`${receiver.origin}/`, { tenant: 'acme', events: ['key_revoked'] })
    received.length = 0
    const { agent } = await trust.enrol('agt_keyed', 'acme')
    await manage('POST', `/agents/agt_keyed/keys/${agent.thumbprint}/revocation`, { reason: 'lost', last: 'revoke' })
    await deliver()
    expect(received.map((each) => JSON.parse(each.body).data)).toMatchObject([{ agent: 'agt_keyed', tenant: 'acme' }])
    await remove(body.id)
  })
})
