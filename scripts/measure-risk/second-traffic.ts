import type { TrafficEvent } from './events.ts'
import type { Random } from './random.ts'
import { DAY_MS, START_MS } from './traffic.ts'

// Built apart from the first model, with other shapes of work: sessions, loops over pages, webhooks in clusters, month ends.
// Its false throttles and its recall were seen while the first model was tuned (decision 053): it is a second opinion, not a held-out one.

type Trade = 'support' | 'sync' | 'webhook' | 'analyst' | 'poller'

/** An agent of the second model. */
export interface SecondProfile {
  readonly agentId: string
  readonly trade: Trade
  readonly addresses: readonly string[]
  readonly collections: readonly string[]
  readonly ids: readonly string[]
  readonly users: readonly string[]
  readonly dayBegins: number
  readonly workDays: ReadonlySet<number>
  readonly busy: number
  readonly price: number
  /** A day on which it does several times as much: the end of a month, a campaign. */
  readonly rushDay: number
  /** A day on which what it calls is broken for a while, and it tries again and again. */
  readonly outageDay: number
}

const TRADES: readonly Trade[] = ['support', 'support', 'sync', 'webhook', 'analyst', 'poller']
const COLLECTIONS = ['tickets', 'accounts', 'shipments', 'payments', 'refunds', 'stock', 'contacts', 'notes', 'events']

/** Draws agents of five trades. */
export function drawSecondAgents(count: number, days: number, random: Random): SecondProfile[] {
  return Array.from({ length: count }, (_, index) => {
    const trade = TRADES[index % TRADES.length] ?? 'support'
    const net = `172.${16 + (index >> 8)}.${index & 255}`
    const isUuid = random.next() < 0.4
    const pool = 60 + Math.floor(random.wait(900))
    const isAlways = trade === 'poller' || trade === 'webhook'
    return {
      agentId: `agt_${index}`,
      trade,
      addresses: random.next() < 0.25 ? [`${net}.10`, `${net}.77`, `172.31.${index & 255}.5`] : [`${net}.10`],
      collections: Array.from({ length: 2 + random.below(3) }, () => random.pick(COLLECTIONS)),
      ids: Array.from({ length: pool }, (_, at) => (isUuid ? uuid(random) : String(300 + at * (1 + random.below(9))))),
      users: Array.from({ length: 1 + random.below(12) }, (_, user) => `person_${index}_${user}`),
      dayBegins: random.below(24),
      workDays: new Set(isAlways || random.next() < 0.15 ? [0, 1, 2, 3, 4, 5, 6] : [0, 1, 2, 3, 4]),
      busy: 0.5 + random.wait(1),
      price: 5 + random.wait(90),
      rushDay: random.next() < 0.3 ? 4 + random.below(Math.max(1, days - 4)) : -1,
      outageDay: random.next() < 0.3 ? 3 + random.below(Math.max(1, days - 3)) : -1,
    }
  })
}

/** What it does on each day, until the last; all of it benign. */
export function liveSecond(profile: SecondProfile, days: number, random: Random): TrafficEvent[] {
  const events: TrafficEvent[] = []
  for (let day = 0; day < days; day++) {
    if (!profile.workDays.has(day % 7)) continue
    const from = START_MS + day * DAY_MS + profile.dayBegins * 3_600_000
    const rush = day === profile.rushDay ? 3 : 1
    for (const [atMs, size] of bouts(profile, from, rush, random)) {
      let now = atMs
      for (let step = 0; step < size; step++) {
        now += pauseMs(profile.trade, random)
        events.push(...workOf(profile, now, step, random))
      }
    }
    if (day === profile.outageDay) events.push(...retries(profile, from + random.below(8) * 3_600_000, random))
  }
  return events
}

/** When it begins to work, and how many steps it takes then. */
function bouts({ trade, busy }: SecondProfile, from: number, rush: number, random: Random): [number, number][] {
  const starts: [number, number][] = []
  const spanMs = trade === 'poller' || trade === 'webhook' || trade === 'sync' ? DAY_MS : 9 * 3_600_000
  const everyMs = { support: 1_500_000, sync: 3_600_000, webhook: 5_400_000, analyst: 9_000_000, poller: 240_000 }[
    trade
  ]
  const regular = trade === 'sync' || trade === 'poller'
  for (let atMs = from; atMs < from + spanMs; ) {
    starts.push([atMs, sizeOf(trade, busy * rush, random)])
    atMs += regular ? everyMs : random.wait(everyMs / (busy * rush))
  }
  return starts
}

/** Sizes with a heavy tail: a few bouts are far larger than most. */
function sizeOf(trade: Trade, busy: number, random: Random): number {
  const tail = Math.min(25, (1 - random.next()) ** -0.7)
  const base = { support: 6, sync: 12, webhook: 3, analyst: 10, poller: 1 }[trade]
  return Math.max(
    1,
    Math.round(trade === 'poller' ? 1 : base * Math.min(2, busy) * tail ** (trade === 'sync' ? 0.2 : 1)),
  )
}

function pauseMs(trade: Trade, random: Random): number {
  const mean = { support: 9_000, sync: 900, webhook: 1_500, analyst: 2_500, poller: 100 }[trade]
  return 60 + random.wait(mean)
}

function workOf(profile: SecondProfile, atMs: number, step: number, random: Random): TrafficEvent[] {
  const { trade, collections, ids } = profile
  const noun = collections[trade === 'sync' ? 0 : random.below(collections.length)] ?? 'notes'
  const id = trade === 'sync' ? String(1 + step) : skewed(ids, random)
  const read = secondEvent(profile, atMs, 'GET', `/api/${noun}/${trade === 'sync' ? 'page/' : ''}${id}`, random)
  const writes = { support: 0.3, sync: 0.02, webhook: 0.6, analyst: 0, poller: 0.03 }[trade]
  if (random.next() >= writes) return [read]
  const change = secondEvent(profile, atMs + 40 + random.below(400), 'POST', `/api/${noun}`, random)
  return trade === 'webhook' ? [change] : [read, { ...change, amount: profile.price * Math.exp(random.normal() * 0.8) }]
}

/** A minute or two of failing calls, again and again. */
function retries(profile: SecondProfile, fromMs: number, random: Random): TrafficEvent[] {
  const noun = profile.collections[0] ?? 'notes'
  let atMs = fromMs
  return Array.from({ length: 10 + random.below(20) }, (_, at) => {
    atMs += 1000 * Math.min(30, 2 ** Math.min(5, at / 3))
    return { ...secondEvent(profile, atMs, 'GET', `/api/${noun}/${skewed(profile.ids, random)}`, random), status: 404 }
  })
}

/** One request of an agent of this model. */
export function secondEvent(
  { agentId, addresses, users }: SecondProfile,
  atMs: number,
  method: string,
  path: string,
  random: Random,
): TrafficEvent {
  const noun = path.split('/')[2] ?? 'notes'
  return {
    atMs,
    agentId,
    method,
    path,
    status: random.next() < 0.015 ? random.pick([404, 403, 409]) : 200,
    address: random.next() < 0.93 ? (addresses[0] ?? '') : random.pick(addresses),
    user: random.pick(users),
    scope: `${noun}:${method === 'GET' ? 'read' : 'write'}`,
    bytes: Math.round(600 * Math.exp(random.normal() * 0.9)),
  }
}

/** Few things are asked for often, most seldom. */
export function skewed(ids: readonly string[], random: Random): string {
  return ids[Math.floor(ids.length * random.next() ** 2.5)] ?? '1'
}

function uuid(random: Random): string {
  const word = (): string => random.below(0x1_0000_0000).toString(16).padStart(8, '0')
  return `${word()}-${word().slice(0, 4)}-4${word().slice(0, 3)}-a${word().slice(0, 3)}-${word()}${word().slice(0, 4)}`
}
