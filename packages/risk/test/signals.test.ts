import {
  type LevelChange,
  memoryRisk,
  type Observation,
  type RiskBook,
  type SignalName,
  type Standing,
} from '@countermark/risk'
import { createTestEnvironment } from '@countermark/testing'
import { type RiskPolicy, readPolicy } from '../src/policy/policy.ts'
import { SIGNAL_NAMES } from '../src/score/weights.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** A Monday, 9 h UTC. */
const START_MS = Date.UTC(2026, 0, 5, 9)
const NOW_MS = START_MS + 21 * DAY_MS
const POLICY: RiskPolicy = { baseline: 'enforce', probation: { requests: 50, seconds: 0 } }
const environment = createTestEnvironment()

function seen(atMs: number, more: Partial<Observation> = {}): Observation {
  const names = { route: 7, resource: 3, resourceNumber: -1, user: 3, key: 5, capability: 9, amount: 20 }
  return { agentId: 'agt_a', atMs, isSafe: true, address: '192.0.2.7', isHoney: false, ...names, ...more }
}

interface Agent extends RiskBook {
  readonly changes: readonly LevelChange[]
  readonly standing: (atMs: number) => Standing
}

/** Three weeks of work: thirty requests between 9 and 17 h on weekdays. */
function anAgent(policy: RiskPolicy = POLICY): Agent {
  const changes: LevelChange[] = []
  const listening = { onChange: (change: LevelChange) => void changes.push(change), onSignal: () => undefined }
  const book = memoryRisk().open({ rules: readPolicy(policy), network: undefined, ...listening })
  for (let day = 0; day < 21; day++) {
    if (day % 7 > 4) continue
    for (let at = 0; at < 30; at++) {
      const atMs = START_MS + day * DAY_MS + at * 16 * 60_000
      void book.assess(seen(atMs, { isSafe: at % 5 > 0 }), environment)
      book.tell({ agentId: 'agt_a', atMs, end: 'served', bytes: 900 })
    }
  }
  const standing = (atMs: number): Standing => {
    const found = book.find('agt_a', atMs)
    if (found === undefined || 'then' in found) throw new TypeError('this process remembers the agent')
    return found
  }
  return { ...book, changes, standing }
}

type Attack = (book: RiskBook) => void

/** So many requests, so many milliseconds apart. */
const requests =
  (count: number, everyMs: number, more: (at: number) => Partial<Observation> = () => ({}), fromMs = NOW_MS): Attack =>
  (book) => {
    for (let at = 0; at < count; at++) void book.assess(seen(fromMs + at * everyMs, more(at)), environment)
  }

const ends =
  (count: number, end: 'served' | 'refused', bytes?: number): Attack =>
  (book) => {
    for (let at = 0; at < count; at++) book.tell({ agentId: 'agt_a', atMs: NOW_MS + at * 200, end, bytes })
  }

/** In the afternoon. */
const SATURDAY_MS = START_MS + 26 * DAY_MS + 5 * HOUR_MS

const CASES: Readonly<Record<SignalName, readonly [attack: Attack, sentence: RegExp]>> = {
  request_limit: [requests(700, 50), /\d+ requests in this minute; at most 600 are allowed/],
  write_limit: [requests(130, 100, () => ({ isSafe: false })), /\d+ writes in this minute; at most 120 are allowed/],
  failure_limit: [ends(35, 'refused'), /\d+ refused or failed requests in this minute; at most 30 are allowed/],
  request_velocity: [requests(80, 500), /\d+ requests in 60 s; up to 20 are usual/],
  request_pace: [requests(20, 100), /\d+ requests in 5 s; up to 5 are usual/],
  request_trend: [
    requests(200, 30_000, () => ({ amount: -1 })),
    /\d+ requests in an hour, which is new in its rhythm of hours and days \(\d/,
  ],
  write_velocity: [requests(30, 1000, () => ({ isSafe: false })), /\d+ writes in 60 s; up to 6 are usual/],
  amount_velocity: [requests(60, 20_000), /amounts of \d+ in an hour; up to \d+(\.\d)? are usual/],
  amount: [requests(1, 1, () => ({ amount: 9000 })), /an amount of 9000; 20 is usual/],
  failure_burst: [ends(20, 'refused'), /\d+ refused or failed requests in 60 s; up to 5 are usual/],
  refused_share: [ends(12, 'refused'), /\d+ % of its latest requests were refused; [\d.]+ % is usual/],
  new_capability: [requests(1, 1, () => ({ capability: 99 })), /first use of this capability; it used 1 others before/],
  new_route: [requests(1, 1, () => ({ route: 99 })), /first call of this route; it used 1 others before/],
  new_user: [requests(1, 1, () => ({ user: 99 })), /first request for this user; it used 1 others before/],
  route_order: [requests(1, 1, () => ({ route: 99 })), /first time in this order of routes; it used 1 others before/],
  unusual_hour: [
    requests(1, 1, undefined, NOW_MS + 14 * HOUR_MS),
    /active at 23 h UTC, where it was not in 15 active days/,
  ],
  unusual_day: [requests(1, 1, undefined, SATURDAY_MS), /active on a Saturday, where it was not in 3 weeks/],
  id_walk: [
    requests(40, 2000, (at) => ({ resource: 500 + at, resourceNumber: 500 + at })),
    /\d+ ids one after the other; its longest row before was 0/,
  ],
  volume: [ends(20, 'served', 200_000), /answers of \d+ kB in 60 s; up to 256 kB are usual/],
  many_resources: [
    requests(150, 2000, (at) => ({ resource: 7919 * (at + 1) })),
    /about \d+ different ids in 10 min; up to 40 are usual/,
  ],
  network_change: [
    requests(1, 1, () => ({ address: '203.0.113.9' })),
    /a network it never called from; it used 1 before/,
  ],
  two_networks: [
    requests(8, 1000, (at) => ({ address: at % 2 === 0 ? '203.0.113.9' : '192.0.2.7' })),
    /one key went to and fro between two networks \d times, each within 60 s/,
  ],
  honey_scope: [requests(1, 1, () => ({ isHoney: true })), /used a scope that exists only for thieves to use/],
}

/** When the agent is looked at, where that is not at once. */
const LOOKED_AT: Readonly<Partial<Record<SignalName, number>>> = {
  request_trend: NOW_MS + 6_000_000,
  unusual_hour: NOW_MS + 14 * HOUR_MS + 1,
  unusual_day: SATURDAY_MS + 1,
}

describe('each signal', () => {
  it.each(SIGNAL_NAMES)('%s says what it saw, in a sentence with figures', (name) => {
    const agent = anAgent()
    const [attack, sentence] = CASES[name]
    attack(agent)
    const { evidence } = agent.standing(LOOKED_AT[name] ?? NOW_MS + 1)
    expect(evidence.find(({ signal }) => signal === name)?.sentence).toMatch(sentence)
  })

  it('is silent while an agent goes on as ever', () => {
    const agent = anAgent()
    requests(10, 16 * 60_000)(agent)
    expect(agent.standing(NOW_MS + 160 * 60_000)).toMatchObject({ score: 0, level: 'allow', evidence: [] })
    expect(agent.changes).toEqual([])
  })
})

describe('an attacker', () => {
  it("cannot move another agent's score, whatever it does with its own", () => {
    const agent = anAgent()
    requests(2000, 10, (at) => ({ agentId: 'agt_b', route: at, resource: at, user: 3, key: 5, isSafe: false }))(agent)
    for (let at = 0; at < 200; at++) agent.tell({ agentId: 'agt_b', atMs: NOW_MS + at, end: 'refused' })
    agent.tell({ agentId: 'agt_nobody', atMs: NOW_MS, end: 'refused' })
    expect(agent.standing(NOW_MS + 20_000)).toMatchObject({ score: 0, level: 'allow' })
    expect(agent.find('agt_nobody', NOW_MS)).toBeUndefined()
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1e15, 1e18])(
    'gains nothing by a clock that says %d: levels stay, and what comes after counts',
    (atMs) => {
      const agent = anAgent()
      void agent.review(
        'agt_a',
        { action: 'raise', level: 'block', by: 'rita', why: 'stolen', forSeconds: 86_400 },
        NOW_MS,
      )
      void agent.assess(seen(Number.isFinite(atMs) ? NOW_MS - DAY_MS : atMs), environment)
      void agent.tell({ agentId: 'agt_a', atMs, end: 'served' })
      const after = agent.assess(seen(NOW_MS + 1000, { isHoney: true }), environment)
      expect(after).toMatchObject({ level: 'block', score: 95 })
    },
  )

  it('is not throttled for good after a clock was a year ahead', () => {
    const agent = anAgent()
    requests(700, 50, undefined, NOW_MS + 365 * DAY_MS)(agent)
    expect(agent.changes.length).toBeGreaterThan(0)
    requests(30, 16 * 60_000)(agent)
    expect(agent.standing(NOW_MS + 8 * HOUR_MS)).toMatchObject({ level: 'allow' })
  })
})
