import { type LevelChange, memoryRisk, type Observation, type RiskBook } from '@countermark/risk'
import { createTestEnvironment } from '@countermark/testing'
import { type RiskPolicy, readPolicy } from '../src/policy/policy.ts'
import { KEPT_BYTES } from '../src/sketch/blocks.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 5, 9)
const ENFORCED: RiskPolicy = { baseline: 'enforce', probation: { requests: 50, seconds: 0 } }
const environment = createTestEnvironment()

function seen(more: Partial<Observation> = {}): Observation {
  const names = { route: 7, resource: 0, resourceNumber: -1, user: 3, key: 5, capability: 0, amount: -1 }
  return { agentId: 'agt_a', atMs: START_MS, isSafe: true, address: '192.0.2.7', isHoney: false, ...names, ...more }
}

interface Opened extends RiskBook {
  readonly changes: readonly LevelChange[]
}

function open(policy: RiskPolicy = ENFORCED, maxAgents = 1000): Opened {
  const changes: LevelChange[] = []
  const settings = { rules: readPolicy(policy), network: undefined, onSignal: () => undefined }
  const book = memoryRisk({ maxAgents }).open({ ...settings, onChange: (change) => changes.push(change) })
  return { ...book, changes }
}

/** One request every ten seconds. */
function work(book: RiskBook, count: number, more: Partial<Observation> = {}, fromMs = START_MS): number {
  for (let at = 0; at < count; at++) void book.assess(seen({ atMs: fromMs + at * 10_000, ...more }), environment)
  return fromMs + count * 10_000
}

describe('an agent that goes on as before', () => {
  it('scores nothing', () => {
    const book = open()
    const atMs = work(book, 500)
    expect(book.assess(seen({ atMs }), environment)).toEqual({
      score: 0,
      level: 'allow',
      wouldBe: 'allow',
      reasons: [],
    })
  })
})

describe('a stolen key', () => {
  it('is slowed within 60 requests when it sends as fast as it can, and says so with figures', () => {
    const book = open()
    const fromMs = work(book, 300)
    for (let at = 0; at < 60; at++) void book.assess(seen({ atMs: fromMs + at * 20, isSafe: false }), environment)
    const standing = book.find('agt_a', fromMs + 1200)
    expect(standing).toMatchObject({ level: 'throttle' })
    expect(JSON.stringify(standing)).toMatch(/\d+ writes in 60 s; up to 6 are usual/)
  })

  it('is stopped at once by a honey scope, which is proof', () => {
    const book = open()
    expect(book.assess(seen({ isHoney: true }), environment)).toMatchObject({ level: 'block' })
  })

  it('is found when one key goes to and fro between two networks', () => {
    const book = open()
    const fromMs = work(book, 300)
    const levels = Array.from({ length: 8 }, (_, at) => {
      const address = at % 2 === 0 ? '198.51.100.9' : '192.0.2.7'
      return book.assess(seen({ atMs: fromMs + at * 1000, address }), environment)
    })
    expect(levels.at(-1)).toMatchObject({ level: 'block' })
  })

  it('never rises beyond throttle on one signal alone', () => {
    const book = open({ ...ENFORCED, limits: { requestsPerMinute: 5 } })
    for (let at = 0; at < 500; at++) void book.assess(seen({ atMs: START_MS + at * 50 }), environment)
    expect(book.changes.map(({ from, to }) => `${from} ${to}`)).toEqual(['allow throttle'])
  })

  it('is let go step by step, once it is quiet', () => {
    const book = open({ ...ENFORCED, limits: { requestsPerMinute: 5 } })
    for (let at = 0; at < 50; at++) void book.assess(seen({ atMs: START_MS + at * 50 }), environment)
    expect(book.assess(seen({ atMs: START_MS + DAY_MS / 24 }), environment)).toMatchObject({ level: 'allow' })
    expect(book.changes).toHaveLength(2)
  })
})

describe('a reviewer', () => {
  it('is named in the change, with the reason', () => {
    const book = open()
    void book.review('agt_a', { action: 'freeze', level: 'read-only', by: 'rita', why: 'key is lost' }, START_MS)
    expect(book.changes).toMatchObject([{ to: 'read-only', by: 'rita', why: 'key is lost' }])
  })

  it('announces a change, and what it brings is usual for that time', () => {
    const book = open()
    const fromMs = work(book, 300)
    void book.review('agt_a', { action: 'expect', factor: 10, forSeconds: 3600, by: 'rita', why: 'sale' }, fromMs)
    for (let at = 0; at < 60; at++) void book.assess(seen({ atMs: fromMs + at * 500 }), environment)
    expect(book.find('agt_a', fromMs + 30_000)).toMatchObject({ level: 'allow', score: 0 })
  })
})

describe('an attacker', () => {
  it('cannot make a sketch larger than 2 KB, whatever is called', () => {
    expect(KEPT_BYTES).toBeLessThanOrEqual(1800)
  })

  it('cannot make an agent weightier by inventing ids, routes and users', () => {
    const book = open()
    const invented = { route: 1, resource: 1, user: 1 }
    for (let at = 1; at <= 1000; at++) {
      const names = { route: invented.route * at, resource: at, resourceNumber: at * 7, user: at }
      void book.assess(seen({ atMs: START_MS + at * 1000, ...names }), environment)
    }
    const standing = JSON.stringify(book.find('agt_a', START_MS + 1_000_000))
    expect(standing.length).toBeLessThan(2048)
  })

  it('cannot push out an agent at a level by inventing agents', () => {
    const book = open(ENFORCED, 100)
    void book.review(
      'agt_a',
      { action: 'raise', level: 'block', by: 'rita', why: 'stolen', forSeconds: 86_400 },
      START_MS,
    )
    for (let at = 1; at <= 500; at++) void book.assess(seen({ agentId: `agt_${at}`, atMs: START_MS + at }), environment)
    expect(book.find('agt_a', START_MS + 1000)).toMatchObject({ level: 'block' })
  })

  it('cannot make more usual in 30 days than four times what its first week showed', () => {
    const book = open()
    work(book, 360)
    for (let day = 1; day <= 30; day++) {
      const perMinute = Math.round(6 * 1.2 ** day)
      for (let at = 0; at < perMinute * 10; at++) {
        void book.assess(seen({ atMs: START_MS + day * DAY_MS + at * (60_000 / perMinute) }), environment)
      }
    }
    const standing = JSON.stringify(book.find('agt_a', START_MS + 30 * DAY_MS + 600_000))
    expect(standing).toMatch(/"level":"throttle".*requests in 60 s; up to (7\d|8[0-4]) are usual/)
  })
})
