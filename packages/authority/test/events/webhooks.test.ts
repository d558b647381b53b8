import type { Measurement } from '@countermark/core/internal'
import { verifyWebhook, webhookSecrets } from '@countermark/outbound'
import type { StartedServer } from '@countermark/testing'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import type { Answered } from '../authority-world.ts'
import { describeStores, type StorePlace, sqlitePlace } from '../stores.ts'
import { startTrustWorld, type TrustWorld } from '../trust-world.ts'
import { type Received, startReceiver } from './receiver.ts'

describeStores((createPlace) => {
  let place: StorePlace
  let trust: TrustWorld
  let receiver: StartedServer
  const received: Received[] = []
  let statuses: number[] = []
  const measured: Measurement[] = []

  beforeAll(async () => {
    place = await createPlace()
    receiver = await startReceiver(received, () => statuses.shift() ?? 204)
    const observers = [{ measured: (each: Measurement) => void measured.push(each) }]
    trust = await startTrustWorld(place.open(), { eventHttp: LOOPBACK, observers })
  }, 60_000)
  beforeEach(() => {
    measured.length = 0
    received.length = 0
    statuses = []
  })
  afterAll(async () => {
    await trust.close()
    await receiver.close()
    await place.remove()
  })

  const create = (body: object): Promise<Answered> =>
    trust.call('POST', '/webhooks', { by: trust.world.admin, body: { url: `${receiver.origin}/hook`, ...body } })
  const remove = ({ body }: Answered): Promise<Answered> =>
    trust.call('DELETE', `/event-receivers/${body.id}`, { by: trust.world.admin })
  const suspend = async (id: string): Promise<void> => {
    const by = trust.world.admin
    await trust.call('POST', `/agents/${id}/suspension`, { by, body: { reason: 'odd' } })
  }
  const typesOf = (): readonly unknown[] => received.map(({ body }) => JSON.parse(body).type)
  const deliver = (): Promise<number> => trust.world.authority.deliverEvents()

  it('tells of an act, signed, without naming a person', async () => {
    const hook = await create({ events: ['agent_suspended'] })
    await trust.enrol('agt_a', 'acme')
    await suspend('agt_a')
    await deliver()
    const [notice] = received
    const secrets = webhookSecrets('secret', hook.body.secret)
    const nowMs = trust.world.clock.wallMs()
    expect(verifyWebhook(notice?.headers ?? {}, notice?.body ?? '', { secrets, nowMs })).toBe(true)
    expect(verifyWebhook(notice?.headers ?? {}, `${notice?.body} `, { secrets, nowMs })).toBe(false)
    const { type, data } = JSON.parse(notice?.body ?? '')
    expect([type, data]).toMatchObject([
      'agent_suspended',
      { agent: 'agt_a', tenant: 'acme', caller: 'agent:agt_admin' },
    ])
    await remove(hook)
  })

  const lost = () => measured.filter(({ name }) => name === 'event_lines_lost_total')

  it('says that acts were deleted before a receiver took them, which is counted and logged once', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockReturnValue()
    const hook = await create({ events: ['agent_suspended'] })
    await trust.enrol('agt_gap', 'acme')
    statuses = Array.from({ length: 50 }, () => 500)
    await suspend('agt_gap')
    await deliver()
    trust.world.clock.advance(4 * 86_400_000)
    await trust.enrol('agt_gap_2', 'acme')
    await suspend('agt_gap_2')
    await deliver()
    trust.world.clock.advance(3_600_000)
    statuses = []
    await deliver()
    expect([...new Set(typesOf())]).toEqual(['agent_suspended', 'events_lost'])
    const notices = received.map(({ body }) => JSON.parse(body)).filter(({ type }) => type === 'events_lost')
    expect(JSON.parse(received.at(-1)?.body ?? '{}').data.agent).toBe('agt_gap_2')
    const told = notices[0]?.data.lost
    expect(told).toBeGreaterThan(0)
    expect(lost().map(({ value, labels }) => [value, labels])).toEqual([[told, { kind: 'webhook' }]])
    const named = warned.mock.calls.filter(([text]) => String(text).includes(`receiver ${hook.body.id}`))
    warned.mockRestore()
    expect(named).toHaveLength(1)
    await remove(hook)
  })

  it('counts nothing for a receiver that keeps up', async () => {
    const hook = await create({ events: ['agent_suspended'] })
    await trust.enrol('agt_kept', 'acme')
    await suspend('agt_kept')
    await deliver()
    expect([typesOf(), lost()]).toEqual([['agent_suspended'], []])
    await remove(hook)
  })

  it('tells again what was not taken, in order, by the same id, later and later', async () => {
    const hook = await create({ events: ['agent_suspended', 'agent_resumed'] })
    const by = trust.world.admin
    await trust.enrol('agt_b', 'acme')
    statuses = [500, 503]
    await suspend('agt_b')
    await trust.call('DELETE', '/agents/agt_b/suspension', { by })
    await deliver()
    await deliver()
    expect(received).toHaveLength(1)
    trust.world.clock.advance(5000)
    await deliver()
    expect(received).toHaveLength(2)
    trust.world.clock.advance(5000)
    await deliver()
    expect(received).toHaveLength(2)
    trust.world.clock.advance(5000)
    await deliver()
    expect(typesOf()).toEqual([...Array(3).fill('agent_suspended'), 'agent_resumed'])
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(2)
    await remove(hook)
  })

  it('tells a tenant of its own acts', async () => {
    const hook = await create({ tenant: 'globex' })
    await trust.enrol('agt_c', 'acme')
    await trust.enrol('agt_d', 'globex')
    await deliver()
    const tenants = received.map(({ body }) => JSON.parse(body).data.tenant)
    expect([tenants.length > 0, new Set(tenants)]).toEqual([true, new Set(['globex'])])
    await remove(hook)
  })

  it('tells nothing of an act that was not carried out', async () => {
    await trust.enrol('agt_e', 'acme')
    const hook = await create({})
    trust.world.breakTrail(true)
    await suspend('agt_e')
    trust.world.breakTrail(false)
    await deliver()
    expect(typesOf()).not.toContain('agent_suspended')
    // A trail that has failed takes a moment until it takes records again.
    let removed = await remove(hook)
    while (removed.status === 503) removed = await remove(hook)
    expect(removed.status).toBe(200)
  })

  it('keeps what it signs with sealed, and tells it once', async () => {
    const hook = await create({})
    const { body } = await trust.call('GET', '/event-receivers', { by: trust.world.admin })
    expect(JSON.stringify(body)).not.toContain(hook.body.secret)
    const { reads } = trust.world.authority.store.tables<{ event_receivers: { secret: string | null } }>()
    const [row] = await reads.selectFrom('event_receivers').select('secret').execute()
    expect(row?.secret).toMatch(/^v1\./)
    await remove(hook)
  })
})

describe('an attacker', () => {
  it('cannot have anything posted inside, or be told of every tenant without a role there', async () => {
    const place = await sqlitePlace()
    const trust = await startTrustWorld(place.open())
    const by = trust.world.admin
    const clerk = await trust.enrol('agt_clerk', 'acme')
    await trust.call('POST', '/roles', { by, body: { tenant: 'acme', caller: 'agent:agt_clerk', role: 'admin' } })
    const inside = [
      'http://hooks.example.com/',
      'https://169.254.169.254/',
      'https://10.0.0.1/hook',
      'file:///etc/passwd',
    ]
    const answers = await Promise.all(inside.map((url) => trust.call('POST', '/webhooks', { by, body: { url } })))
    expect(answers.map(({ status }) => status)).toEqual([422, 422, 422, 422])
    const url = 'https://hooks.example.com/'
    const answer = await trust.call('POST', '/webhooks', { by: clerk.agent, body: { url } })
    expect(answer).toMatchObject({ status: 403, body: { code: 'role_missing' } })
    const own = await trust.call('POST', '/webhooks', { by: clerk.agent, body: { url, tenant: 'acme' } })
    const other = await trust.call('POST', '/webhooks', { by: clerk.agent, body: { url, tenant: 'globex' } })
    expect([own.status, other.status]).toEqual([201, 403])
    await trust.close()
    await place.remove()
  })
})
