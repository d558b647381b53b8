import type { TrafficEvent } from './events.ts'
import type { Random } from './random.ts'

/** A generated agent: what it does on an ordinary day. */
export interface AgentProfile {
  readonly agentId: string
  readonly address: string
  readonly addresses: readonly string[]
  readonly routes: readonly string[]
  readonly users: readonly string[]
  readonly perHour: number
  /** Hours of the day, UTC; all of them for a service. */
  readonly fromHour: number
  readonly hours: number
  readonly worksAtWeekends: boolean
  /** A job that sends many requests at once, so many times a day. */
  readonly jobsPerDay: number
  readonly meanAmount: number
  readonly failureShare: number
  /** From this day on it has more routes and does half as much again: a promotion. `undefined` for most. */
  readonly promotedOn: number | undefined
  /** From this day on its routes have another version: a release. */
  readonly releasedOn: number | undefined
}

export const DAY_MS = 86_400_000
/** A Monday. */
export const START_MS: number = Date.UTC(2026, 5, 1)

const NOUNS = [
  'orders',
  'refunds',
  'customers',
  'invoices',
  'tickets',
  'reports',
  'products',
  'carts',
  'messages',
  'files',
]
const EXTRA = ['payouts', 'contracts', 'exports']

/** Draws agents: two in three keep office hours, one in five is promoted, one in five gets a release. */
export function drawAgents(count: number, days: number, random: Random): AgentProfile[] {
  return Array.from({ length: count }, (_, index) => {
    const isOffice = random.next() < 0.67
    const network = `10.${index >> 8}.${index & 255}`
    const addresses = [`${network}.1`, ...(random.next() < 0.2 ? [`${network}.2`] : [])]
    return {
      agentId: `agt_${index}`,
      address: `${network}.1`,
      addresses,
      routes: pickSome(NOUNS, 3 + random.below(4), random),
      users: Array.from({ length: 1 + random.below(6) }, (_, user) => `user_${index}_${user}`),
      perHour: 4 + random.wait(16),
      fromHour: isOffice ? 6 + random.below(4) : 0,
      hours: isOffice ? 9 + random.below(3) : 24,
      worksAtWeekends: !isOffice || random.next() < 0.2,
      jobsPerDay: random.next() < 0.4 ? 1 + random.below(3) : 0,
      meanAmount: 20 + random.wait(200),
      failureShare: 0.005 + random.next() * 0.03,
      promotedOn: random.next() < 0.2 ? 5 + random.below(Math.max(1, days - 6)) : undefined,
      releasedOn: random.next() < 0.2 ? 5 + random.below(Math.max(1, days - 6)) : undefined,
    }
  })
}

/** What an agent does over some days; all of it benign. */
export function liveFor(profile: AgentProfile, days: number, random: Random): TrafficEvent[] {
  const events: TrafficEvent[] = []
  for (let day = 0; day < days; day++) {
    const isWeekend = day % 7 > 4
    if (isWeekend && !profile.worksAtWeekends) continue
    const from = START_MS + day * DAY_MS + profile.fromHour * 3_600_000
    const until = from + profile.hours * 3_600_000
    const promoted = profile.promotedOn !== undefined && day >= profile.promotedOn
    const perHour = profile.perHour * (promoted ? 1.5 : 1) * (isWeekend ? 0.5 : 1) * (0.8 + random.next() * 0.4)
    for (let atMs = from; ; ) {
      const noon = 0.4 + Math.sin((Math.PI * (atMs - from)) / (until - from))
      atMs += random.wait(3_600_000 / perHour) / Math.max(0.3, noon)
      if (atMs >= until) break
      events.push(anEvent(profile, day, atMs, random))
    }
    for (let job = 0; job < profile.jobsPerDay; job++) {
      const atMs = from + ((job + 0.5) / profile.jobsPerDay) * (until - from) + random.normal() * 600_000
      const size = 15 + random.below(40)
      for (let each = 0; each < size; each++) events.push(anEvent(profile, day, atMs + each * 800, random))
    }
  }
  return events
}

/** One ordinary request of an agent. */
export function anEvent(profile: AgentProfile, day: number, atMs: number, random: Random): TrafficEvent {
  const promoted = profile.promotedOn !== undefined && day >= profile.promotedOn
  const version = profile.releasedOn !== undefined && day >= profile.releasedOn ? '/v2' : ''
  const noun = random.pick(promoted ? [...profile.routes, ...EXTRA] : profile.routes)
  const writes = random.next() < 0.15
  const id = 1000 + random.below(90_000)
  const fails = random.next() < profile.failureShare
  return {
    atMs,
    agentId: profile.agentId,
    method: writes ? 'POST' : 'GET',
    path: writes ? `${version}/${noun}` : `${version}/${noun}/${id}`,
    status: fails ? random.pick([403, 404, 404]) : 200,
    address: random.next() < 0.9 ? profile.address : random.pick(profile.addresses),
    user: random.pick(profile.users),
    scope: `${noun}:${writes ? 'create' : 'read'}`,
    ...(writes ? { amount: profile.meanAmount * Math.exp(random.normal() * 0.6) } : {}),
  }
}

function pickSome(items: readonly string[], count: number, random: Random): string[] {
  const left = [...items]
  return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)[0] ?? 'orders')
}
