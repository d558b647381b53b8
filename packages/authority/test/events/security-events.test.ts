import type { StartedServer } from '@countermark/testing'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import type { Answered } from '../authority-world.ts'
import { writeToken } from '../stop/write-token.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { startTrustWorld, type TrustWorld } from '../trust-world.ts'
import { type Received, startReceiver } from './receiver.ts'

const AUDIENCE = 'https://partner.example/ssf'
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'

describeStores((createPlace) => {
  let place: StorePlace
  let trust: TrustWorld
  let receiver: StartedServer
  const received: Received[] = []
  let statuses: number[] = []

  beforeAll(async () => {
    place = await createPlace()
    receiver = await startReceiver(received, () => statuses.shift() ?? 202)
    trust = await startTrustWorld(place.open(), { eventHttp: LOOPBACK })
    await trust.enrol('agt_buyer', 'acme')
  }, 60_000)
  beforeEach(() => {
    received.length = 0
    statuses = []
  })
  afterAll(async () => {
    await trust.close()
    await receiver.close()
    await place.remove()
  })

  const manage = (method: string, path: string, body?: object): Promise<Answered> =>
    trust.call(method, path, { by: trust.world.admin, ...(body === undefined ? {} : { body }) })
  const create = (delivery: object): Promise<Answered> => manage('POST', '/ssf/streams', { aud: AUDIENCE, delivery })
  const stop = (target: object): Promise<Answered> => manage('POST', '/stops', { target, reason: 'stolen' })
  /** What is sent behind an act is waited for, and what is still due is sent. */
  const deliver = (): Promise<number> => trust.world.authority.deliverEvents()
  let tokens = 0
  const stopToken = async (): Promise<string> => {
    tokens += 1
    const tokenId = `dlg_${tokens}`
    await writeToken(trust.world, { tokenId, agentId: 'agt_buyer', subject: 'mary' })
    await stop({ kind: 'token', token: tokenId })
    return tokenId
  }
  /** As a receiver of another make would. */
  const verify = async (set: string) => {
    const keys = (await trust.call('GET', '/approval-keys')).body as JSONWebKeySet
    const rules = { issuer: trust.issuer, audience: AUDIENCE, typ: 'secevent+jwt' }
    return (
      await jwtVerify(set, createLocalJWKSet(keys), { ...rules, currentDate: new Date(trust.world.clock.wallMs()) })
    ).payload
  }

  it('pushes what ends a token as a signed session-revoked, once it was taken never again', async () => {
    const endpoint_url = `${receiver.origin}/events`
    const delivery = { method: 'urn:ietf:rfc:8935', endpoint_url, authorization_header: 'Bearer of-the-receiver' }
    const { body: stream } = await create(delivery)
    const tokenId = await stopToken()
    await deliver()
    await deliver()
    expect(received).toHaveLength(1)
    const [push] = received
    expect(push?.headers).toMatchObject({
      'content-type': 'application/secevent+jwt',
      authorization: 'Bearer of-the-receiver',
    })
    const payload = await verify(push?.body ?? '')
    expect(payload).toMatchObject({
      sub_id: { format: 'jwt_id', iss: trust.issuer, jti: tokenId },
      events: { [`${CAEP}session-revoked`]: { event_timestamp: trust.world.clock.seconds() } },
    })
    expect([payload.sub, payload.exp]).toEqual([undefined, undefined])
    await manage('DELETE', `/event-receivers/${stream.id}`)
  })

  it('pushes again after a failure, by the same id, and goes on after a refusal', async () => {
    const { body: stream } = await create({ method: 'urn:ietf:rfc:8935', endpoint_url: `${receiver.origin}/events` })
    statuses = [500, 400]
    await stopToken()
    await stopToken()
    await deliver()
    expect(received).toHaveLength(1)
    trust.world.clock.advance(5000)
    await deliver()
    const ids = await Promise.all(received.map(async ({ body }) => (await verify(body)).jti))
    expect([ids.length, ids[0] === ids[1], new Set(ids).size]).toEqual([3, true, 2])
    await manage('DELETE', `/event-receivers/${stream.id}`)
  })

  it('verifies a stream by the state that was asked for', async () => {
    const { body: stream } = await create({ method: 'urn:ietf:rfc:8935', endpoint_url: `${receiver.origin}/events` })
    await manage('POST', `/ssf/streams/${stream.id}/verification`, { state: 'a state' })
    await deliver()
    await deliver()
    expect(received).toHaveLength(1)
    const { events, sub_id } = await verify(received[0]?.body ?? '')
    const type = 'https://schemas.openid.net/secevent/ssf/event-type/verification'
    expect([events, sub_id]).toEqual([{ [type]: { state: 'a state' } }, { format: 'opaque', id: stream.id }])
    await manage('DELETE', `/event-receivers/${stream.id}`)
  })

  it('is polled until what it gave is acknowledged, keys that were revoked among it', async () => {
    const { body: stream } = await create({ method: 'urn:ietf:rfc:8936' })
    const { endpoint_url: url, authorization_header: authorization } = stream.delivery
    const poll = (body: object, headers = { authorization }): Promise<Answered> =>
      trust.call('POST', new URL(url).pathname, { body, headers })
    const first = await stopToken()
    const { agent } = await trust.enrol(`agt_key_${place.address.length}`, 'acme')
    await stop({ kind: 'key', key: agent.thumbprint })
    const { body } = await poll({})
    const sets = Object.entries<string>(body.sets)
    const payloads = await Promise.all(sets.map(([, set]) => verify(set)))
    expect(payloads.map(({ sub_id }) => sub_id)).toMatchObject([
      { jti: first },
      { format: 'opaque', id: `jkt ${agent.thumbprint}` },
    ])
    expect(payloads[1]?.['events']).toMatchObject({ [`${CAEP}credential-change`]: { change_type: 'revoke' } })
    const [[one] = [''], [two] = ['']] = sets
    expect(Object.keys((await poll({ ack: [two] })).body.sets)).toEqual([one, two])
    expect(Object.keys((await poll({ ack: [one] })).body.sets)).toEqual([two])
    expect((await poll({ setErrs: { [two]: { err: 'invalid_request' } } })).body).toEqual({
      sets: {},
      moreAvailable: false,
    })
    const stranger = await poll({}, { authorization: 'Bearer of-a-stranger' })
    expect(stranger).toMatchObject({ status: 401, body: { code: 'credentials_missing' } })
    await manage('DELETE', `/event-receivers/${stream.id}`)
  })

  it('says where it is', async () => {
    expect((await trust.call('GET', '/.well-known/ssf-configuration')).body).toMatchObject({
      issuer: trust.issuer,
      delivery_methods_supported: ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936'],
    })
  })
})
