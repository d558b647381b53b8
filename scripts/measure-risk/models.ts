import { drawAttacks } from './attack-kind.ts'
import { FIRST_ATTACKS } from './attacks.ts'
import type { Attack, TrafficEvent } from './events.ts'
import { createRandom } from './random.ts'
import { SECOND_ATTACKS } from './second-attacks.ts'
import { drawSecondAgents, liveSecond } from './second-traffic.ts'
import { DAY_MS, drawAgents, liveFor, START_MS } from './traffic.ts'

/** A world of agents, each attacked once on the last day. */
export interface World {
  readonly benign: readonly TrafficEvent[]
  readonly attacks: readonly Attack[]
}

/** One way to make traffic. */
export interface TrafficModel {
  readonly name: 'first' | 'second'
  readonly create: (seed: number, agents: number, days: number) => World
}

/** The one that weights and thresholds were tuned on. */
export const FIRST_MODEL: TrafficModel = {
  name: 'first',
  create: (seed, agents, days) => {
    const random = createRandom(seed)
    const profiles = drawAgents(agents, days, random)
    const benign = profiles.flatMap((profile) => liveFor(profile, days, random))
    const dayBegins = ({ fromHour }: { readonly fromHour: number }, day: number): number =>
      START_MS + day * DAY_MS + fromHour * 3_600_000
    return { benign, attacks: drawAttacks(FIRST_ATTACKS, profiles, days - 1, dayBegins, random) }
  },
}

/** The one that thresholds are applied to as they are; it was seen while the first was tuned. */
export const SECOND_MODEL: TrafficModel = {
  name: 'second',
  create: (seed, agents, days) => {
    const random = createRandom(seed + 7_000_000)
    const profiles = drawSecondAgents(agents, days, random)
    const benign = profiles.flatMap((profile) => liveSecond(profile, days, random))
    const begins = (profile: { readonly dayBegins: number }, day: number): number =>
      START_MS + day * DAY_MS + profile.dayBegins * 3_600_000
    return { benign, attacks: drawAttacks(SECOND_ATTACKS, profiles, days - 1, begins, random) }
  },
}
