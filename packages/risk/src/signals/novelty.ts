import type { Observation } from '../observation.ts'
import type { SignalName } from '../score/weights.ts'
import { CELL, SEEN, type SeenSet } from '../sketch/layout.ts'
import { countSeen, seeAgain } from '../sketch/seen.ts'
import { figured, type Moment, plain, type Signal } from './signal.ts'

/** From this share of new things on, another new thing says nothing. */
const USUAL_SHARE = 0.1
const MEMORY = 1 / 200

/** One kind of thing that may be new. */
interface Novelty {
  readonly name: SignalName
  readonly set: SeenSet
  readonly share: number
  readonly hashOf: (moment: Moment, observation: Observation) => number
  readonly what: string
}

/** First use: weighs less the more often the agent does new things of this kind anyway. */
function novelty({ name, set, share, hashOf, what }: Novelty): Signal {
  return {
    name,
    judge: (moment, observation) => {
      const { cells, words } = moment
      const hash = hashOf(moment, observation)
      if (hash === 0) return 0
      const known = countSeen(words, set)
      const isNew = !seeAgain(words, set, hash)
      const usual = cells[share] as number
      if (moment.isLearning) cells[share] = usual + ((isNew ? 1 : 0) - usual) * MEMORY
      if (!isNew || known === 0) return 0
      return figured(moment, Math.max(0, 1 - usual / USUAL_SHARE) / moment.widen, known, usual)
    },
    sentence: (seen) => `first ${what}; it used ${plain(seen)} others before`,
  }
}

/** The first use of scopes. */
export const newCapability: Signal = novelty({
  name: 'new_capability',
  set: SEEN.capabilities,
  share: CELL.capabilityNovelty,
  hashOf: (_, { capability }) => capability,
  what: 'use of this capability',
})

/** The first use of a route. */
export const newRoute: Signal = novelty({
  name: 'new_route',
  set: SEEN.routes,
  share: CELL.routeNovelty,
  hashOf: (_, { route, isRepeated }) => (isRepeated === true ? 0 : route),
  what: 'call of this route',
})

/** The first request for a user. */
export const newUser: Signal = novelty({
  name: 'new_user',
  set: SEEN.users,
  share: CELL.userNovelty,
  hashOf: (_, { user, isRepeated }) => (isRepeated === true ? 0 : user),
  what: 'request for this user',
})

/** A route behind another one that it never followed. */
export const routeOrder: Signal = novelty({
  name: 'route_order',
  set: SEEN.orders,
  share: CELL.orderNovelty,
  hashOf: ({ cells }, { route, isRepeated }) => {
    if (isRepeated === true) return 0
    const before = cells[CELL.lastRoute] as number
    cells[CELL.lastRoute] = route
    return before === 0 ? 0 : (Math.imul(before, 31) ^ route) >>> 0
  },
  what: 'time in this order of routes',
})

const DAY = 86_400
const DAYS_NEEDED = 5
const ONE_DAY = 0.15
const TWO_DAYS = 0.2

/** An hour of the day, in UTC, at which the agent is not active. */
export const unusualHour: Signal = {
  name: 'unusual_hour',
  judge: (moment, observation) => {
    if (observation.isRepeated === true) return 0
    const { cells, atSeconds } = moment
    const hour = Math.floor((atSeconds % DAY) / 3600)
    const day = Math.floor(atSeconds / DAY)
    const usual = cells[CELL.hours + hour] as number
    const beside = Math.max(
      cells[CELL.hours + ((hour + 1) % 24)] as number,
      cells[CELL.hours + ((hour + 23) % 24)] as number,
    )
    const days = cells[CELL.activeDays] as number
    if (moment.isLearning) markHour(cells, day, hour)
    if (days < DAYS_NEEDED || usual > TWO_DAYS || beside > TWO_DAYS) return 0
    return figured(moment, 1 / moment.widen, hour, days)
  },
  sentence: (seen, compared) => `active at ${plain(seen)} h UTC, where it was not in ${plain(compared)} active days`,
}

const WEEKS_NEEDED = 2
const WEEKDAYS = ['Thursday', 'Friday', 'Saturday', 'Sunday', 'Monday', 'Tuesday', 'Wednesday']

/** A day of the week, in UTC, on which the agent is not active. */
export const unusualDay: Signal = {
  name: 'unusual_day',
  judge: (moment, observation) => {
    if (observation.isRepeated === true) return 0
    const { cells, atSeconds } = moment
    const day = Math.floor(atSeconds / DAY)
    const weekday = day % 7
    const usual = cells[CELL.weekdays + weekday] as number
    if (moment.isLearning && usual !== day) cells[CELL.weekdays + weekday] = day
    const age = day - Math.floor((cells[CELL.firstAt] as number) / DAY)
    // Work that goes on over midnight belongs to the day beside.
    const hour = Math.floor((atSeconds % DAY) / 3600)
    const beside = cells[CELL.weekdays + ((weekday + (hour < 12 ? 6 : 1)) % 7)] as number
    // Once in the last five weeks makes a day of the week usual.
    if (age < 7 * WEEKS_NEEDED || day - Math.max(usual, beside) <= 35) return 0
    return figured(moment, 1 / moment.widen, weekday, Math.floor(age / 7))
  },
  sentence: (seen, compared) => `active on a ${WEEKDAYS[seen] ?? 'day'}, where it was not in ${plain(compared)} weeks`,
}

/** An hour counts once a day, however many requests it has: two days make it usual. */
function markHour(cells: Float64Array, day: number, hour: number): void {
  if (day !== cells[CELL.lastDay]) {
    for (let each = 0; each < 24; each++) cells[CELL.hours + each] = (cells[CELL.hours + each] as number) * 0.97
    cells[CELL.lastDay] = day
    cells[CELL.activeDays] = (cells[CELL.activeDays] as number) + 1
  }
  const mark = day * 24 + hour
  if (mark === cells[CELL.lastHour]) return
  cells[CELL.lastHour] = mark
  cells[CELL.hours + hour] = (cells[CELL.hours + hour] as number) + ONE_DAY
}

/** A scope that no honest agent uses. */
export const honeyScope: Signal = {
  name: 'honey_scope',
  judge: (moment, { isHoney }) => (isHoney ? figured(moment, 1, 1, 0) : 0),
  sentence: () => 'used a scope that exists only for thieves to use',
}
