import { SIGNAL_NAMES } from '../score/weights.ts'

/** Inside a count by windows. The first two are times. */
export const RATE: Readonly<
  Record<'windowAt' | 'mostAt' | 'current' | 'before' | 'most' | 'anchor' | 'day' | 'dayMost', number>
> = { windowAt: 0, mostAt: 1, current: 2, before: 3, most: 4, anchor: 5, day: 6, dayMost: 7 }

const RATE_CELLS = Object.keys(RATE).length
const signals = SIGNAL_NAMES.length

/** Cells that need all of a double: times as Unix seconds, hashes, ids. */
const EXACT = {
  firstAt: 1,
  lastAt: 1,
  rankAt: 1,
  wouldRankAt: 1,
  heldUntil: 1,
  expectUntil: 1,
  nextTurnAt: 1,
  evidenceAt: 1,
  lastRoute: 1,
  lastResource: 1,
  walkStart: 1,
  prefix: 1,
  network: 1,
  networkKey: 1,
  networkBefore: 1,
  networkChangedAt: 1,
  newNetwork: 1,
  newNetworkAt: 1,
} as const

type RateName = 'requestRate' | 'paceRate' | 'writeRate' | 'amountRate' | 'failureRate' | 'resourceRate' | 'volumeRate'

/** Counts by windows: their two times are exact, the others are not. */
export const RATES: readonly RateName[] = [
  'requestRate',
  'paceRate',
  'writeRate',
  'amountRate',
  'failureRate',
  'resourceRate',
  'volumeRate',
]

/** Cells for which 24 bits are enough. */
const ROUNDED = {
  requests: 1,
  activeDays: 1,
  lastDay: 1,
  rank: 1,
  wouldRank: 1,
  floor: 1,
  ceiling: 1,
  expectFactor: 1,
  hasEvidence: 1,
  evidence: signals as number,
  figures: (2 * signals) as number,
  hours: 24,
  weekdays: 7,
  lastHour: 1,
  amountCount: 1,
  amountMean: 1,
  amountSpread: 1,
  refusedUsual: 1,
  refusedNow: 1,
  routeNovelty: 1,
  capabilityNovelty: 1,
  userNovelty: 1,
  orderNovelty: 1,
  walkRun: 1,
  walkUsual: 1,
  networkReturns: 1,
  networkUsual: 1,
  networkNovelty: 1,
  period: 1,
  periodCount: 1,
} as const

type CellName = keyof typeof EXACT | RateName | keyof typeof ROUNDED

/** The cell of each number of an agent, while it is looked at. */
export const CELL: Readonly<Record<CellName, number>> = placesOf([
  ...Object.entries(EXACT),
  ...RATES.map((name) => [name, RATE_CELLS] as const),
  ...Object.entries(ROUNDED),
])

/** How many cells an agent has. */
export const CELLS: number = CELL.periodCount + 1

/** The places of cells that are kept as doubles. */
export const EXACT_AT: readonly number[] = [
  ...Object.keys(EXACT).map((_, at) => at),
  ...RATES.flatMap((name) => [CELL[name] + RATE.windowAt, CELL[name] + RATE.mostAt]),
]

/** The places of all others, which are kept in half the room. */
export const ROUNDED_AT: readonly number[] = Array.from({ length: CELLS }, (_, at) => at).filter(
  (at) => !EXACT_AT.includes(at),
)

/** A set of seen things: its first word counts what came in. */
export interface SeenSet {
  readonly from: number
  readonly size: number
}

/** Where each set of seen things stands among an agent's 32-bit words. */
export const SEEN: Readonly<
  Record<'routes' | 'capabilities' | 'users' | 'networks' | 'orders' | 'resources', SeenSet>
> = {
  routes: { from: 0, size: 24 },
  capabilities: { from: 25, size: 12 },
  users: { from: 38, size: 24 },
  networks: { from: 63, size: 8 },
  orders: { from: 72, size: 24 },
  resources: { from: 97, size: 8 },
}

/** How many 32-bit words an agent has. */
export const WORDS = 106

function placesOf(sizes: readonly (readonly [string, number])[]): Readonly<Record<CellName, number>> {
  let next = 0
  const places: Partial<Record<string, number>> = {}
  for (const [name, size] of sizes) {
    places[name] = next
    next += size
  }
  return places as Readonly<Record<CellName, number>>
}
