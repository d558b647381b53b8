import { memoryRisk, type Observation, type RiskBook, redisRisk } from '@countermark/risk'
import { createFakeClock, createTestEnvironment } from '@countermark/testing'
import { Redis } from 'ioredis'
import { describeWithRedis, useRedis } from '../../../test/support/redis-clients.ts'
import { assessedAs } from '../src/assessed-as.ts'
import { readPolicy } from '../src/policy/policy.ts'
import { createEventReader, parseEvent } from '../src/service/events/read-event.ts'
import { isToldEnd, isToldRequest } from '../src/service/wire.ts'

const START_MS = Date.UTC(2026, 0, 5, 9)
const REVIEW = { by: 'rita', why: 'key is lost' } as const
const UNCOUNTABLE = [Number.NaN, Number.POSITIVE_INFINITY, 1e300] as const
const environment = createTestEnvironment({ clock: createFakeClock(START_MS) })
const rules = readPolicy({
  baseline: 'enforce',
  limits: { requestsPerMinute: 100 },
  probation: { requests: 0, seconds: 0 },
})
const settings = { rules, network: undefined, onChange: () => undefined, onSignal: () => undefined }

function seen(at: number, more: Partial<Observation> = {}): Observation {
  const names = { route: 7, resource: 3, resourceNumber: 4, user: 3, key: 5, capability: 0, amount: -1 }
  const atMs = START_MS + at * 100
  return { agentId: 'agt_a', atMs, isSafe: true, address: '192.0.2.7', isHoney: false, ...names, ...more }
}

async function send(book: RiskBook, from: number, count: number, amount: number): Promise<void> {
  for (let at = from; at < from + count; at++) await book.assess(seen(at, { amount }), environment)
}

describe('an agent that chooses amounts', () => {
  it.each(UNCOUNTABLE)('is slowed down by its rate all the same after %d', async (amount) => {
    const book = memoryRisk().open(settings)
    await send(book, 0, 400, amount)
    expect(await book.find('agt_a', START_MS + 40_000)).toMatchObject({ level: 'throttle' })
  })

  it.each(UNCOUNTABLE)('does not make every amount usual by %d', async (amount) => {
    const heard: string[] = []
    const book = memoryRisk().open({ ...settings, onSignal: (signal) => heard.push(signal) })
    for (let at = 0; at < 100; at++) await book.assess(seen(at * 600, { amount: 10 }), environment)
    await send(book, 60_000, 3, amount)
    for (let at = 0; at < 100; at++) await book.assess(seen(200_000 + at * 600, { amount: 10 }), environment)
    heard.length = 0
    await book.assess(seen(400_000, { amount: 1_000_000 }), environment)
    expect(heard).toContain('amount')
  })
})

describeWithRedis('redisRisk and an agent that chooses amounts', (command) => {
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

  it.each(UNCOUNTABLE)('keeps a level for processes that come later, whatever was sent: %d', async (amount) => {
    const prefix = `amount-${amount}:`
    const book = redisRisk({ client: connect(), prefix, deadlineMs: 2000 }).open(settings)
    await book.review('agt_a', { action: 'raise', level: 'block', ...REVIEW }, START_MS)
    await send(book, 0, 70, amount)
    await book.close?.()
    const later = redisRisk({ client: connect(), prefix, deadlineMs: 2000 }).open(settings)
    expect(await later.find('agt_a', START_MS + 10_000)).toMatchObject({ level: 'block' })
    await later.close?.()
  })
})

describeWithRedis('redisRisk and a snapshot of another version', (command) => {
  const server = useRedis(command)

  it.each([
    ['of which the level is read', (text: string) => `AAAAAAAA.${text.split('.')[1]}.AAAA`, 'block'],
    ['that states no level', () => 'AAAAAAAA.AAAA', undefined],
    ['that states a level that is none', () => 'AAAAAAAA.9,9,9,9,9.AAAA', undefined],
  ] as const)('%s', async (name, change, level) => {
    const client = new Redis(server().url)
    const store = redisRisk({ client, prefix: `${name}:`, deadlineMs: 2000 })
    const book = store.open(settings)
    await book.review('agt_a', { action: 'raise', level: 'block', forSeconds: 86_400, ...REVIEW }, START_MS)
    await send(book, 0, 70, -1)
    await book.close?.()
    const [key = ''] = (await client.keys(`${name}:*`)).filter((found) => found.endsWith(':state'))
    await client.hset(key, 'snapshot', change(String(await client.hget(key, 'snapshot'))))
    const later = store.open(settings)
    const standing = await later.find('agt_a', START_MS + 3_600_000)
    expect(standing?.level === 'block' ? 'block' : undefined).toBe(level)
    await later.close?.()
    client.disconnect()
  })
})

describe('the name under which behaviour is remembered', () => {
  it('is another one for each agent, also where its owner chose it to look like that of a stranger', () => {
    const ids = ['shop', 'api-key:shop', 'signed:shop', 'signed:api-key:shop', 'api-key:api-key:shop']
    const names = ids.flatMap((id) => [
      assessedAs({ id, level: 'signed', scheme: 'httpsig' }),
      assessedAs({ id, level: 'identified', scheme: 'api-key' }),
    ])
    expect(new Set(names).size).toBe(10)
    expect(names).not.toContain(undefined)
  })

  it('is the same in events of guards', () => {
    const read = createEventReader(rules)
    const names = [
      { id: 'api-key:shop', level: 'signed', scheme: 'httpsig' },
      { id: 'shop', level: 'identified', scheme: 'api-key' },
    ].map((agent, seq) => {
      const about = { agent, action: { method: 'GET' }, resource: { route: '/a' }, id: `d${seq}`, requestId: `r${seq}` }
      const record = { type: 'decision', at: '2026-01-05T09:00:00.000Z', ...about }
      const event = parseEvent(JSON.stringify({ stream: 's', seq, record }))
      const found = event && read(event)
      return found?.kind === 'request' ? found.observation.agentId : found
    })
    expect(names).toEqual(['signed:api-key:shop', 'api-key:shop'])
  })
})

describe('what a caller of the service tells', () => {
  const { atMs: _, address: __, ...told } = seen(0)

  it.each([
    { prefix: 'far' },
    { prefix: -1 },
    { place: 'here' },
    { place: { asn: '64500' } },
    { hadTurn: 'yes' },
    { isRepeated: 1 },
  ])('is refused with %j', (more) => {
    expect([isToldRequest(told), isToldRequest({ ...told, ...more })]).toEqual([true, false])
  })

  it.each([1e300, 0.5, -1])('is refused with %d bytes of an answer', (bytes) => {
    expect(isToldEnd({ agentId: 'agt_a', end: 'served', bytes })).toBe(false)
  })
})
