import { SIGNAL_NAMES } from '../score/weights.ts'

/** A count by windows has these cells: see {@link RATE}. */
const RATE_CELLS = 8
const signals = SIGNAL_NAMES.length

/** How many cells each number of an agent takes. Times are Unix seconds. */
const SIZES = {
  firstAt: 1,
  lastAt: 1,
  requests: 1,
  activeDays: 1,
  lastDay: 1,
  rank: 1,
  rankAt: 1,
  wouldRank: 1,
  wouldRankAt: 1,
  floor: 1,
  ceiling: 1,
  heldUntil: 1,
  expectUntil: 1,
  expectFactor: 1,
  nextTurnAt: 1,
  hasEvidence: 1,
  evidenceAt: 1,
  evidence: signals as number,
  figures: (2 * signals) as number,
  requestRate: RATE_CELLS as number,
  writeRate: RATE_CELLS as number,
  amountRate: RATE_CELLS as number,
  failureRate: RATE_CELLS as number,
  resourceRate: RATE_CELLS as number,
  hours: 24,
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
  lastRoute: 1,
  lastResource: 1,
  walkRun: 1,
  walkUsual: 1,
  prefix: 1,
  network: 1,
  networkKey: 1,
  networkBefore: 1,
  networkChangedAt: 1,
  networkReturns: 1,
  networkUsual: 1,
}

/** Where each number of an agent stands in its cells. */
export const CELL: Readonly<Record<keyof typeof SIZES, number>> = placesOf(SIZES)

/** How many cells an agent has. */
export const CELLS: number = Object.values(SIZES).reduce((sum, size) => sum + size, 0)

/** Inside a rate. */
export const RATE: Readonly<
  Record<'windowAt' | 'current' | 'before' | 'most' | 'anchor' | 'mostAt' | 'day' | 'dayMost', number>
> = { windowAt: 0, current: 1, before: 2, most: 3, anchor: 4, mostAt: 5, day: 6, dayMost: 7 }

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

function placesOf<Name extends string>(sizes: Readonly<Record<Name, number>>): Readonly<Record<Name, number>> {
  let next = 0
  const places: Partial<Record<Name, number>> = {}
  for (const [name, size] of Object.entries<number>(sizes)) {
    places[name as Name] = next
    next += size
  }
  return places as Readonly<Record<Name, number>>
}
