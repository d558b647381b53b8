import { countable } from '../observation.ts'
import { CELL, RATE, SEEN } from '../sketch/layout.ts'
import { countRate, mostSoFar } from '../sketch/rate.ts'
import { forgetSeen, markDistinct } from '../sketch/seen.ts'
import { excess, figured, plain, type Signal } from './signal.ts'

const WINDOW_SECONDS = 600
const FEWEST_RESOURCES = 40
const SHORT_WALK = 12

/** Numbers one after the other: who walks through ids wants all of them. */
export const idWalk: Signal = {
  name: 'id_walk',
  judge: (moment, { resourceNumber, isRepeated }) => {
    if (resourceNumber < 0 || isRepeated === true) return 0
    const { cells } = moment
    const step = Math.abs(resourceNumber - (cells[CELL.lastResource] as number))
    cells[CELL.lastResource] = resourceNumber
    if (step === 0) return 0
    const run = step <= 3 ? (cells[CELL.walkRun] as number) + 1 : jump(cells, resourceNumber)
    cells[CELL.walkRun] = run
    const usual = cells[CELL.walkUsual] as number
    if ((moment.isProbation || moment.isSettling) && moment.isLearning && run > usual) cells[CELL.walkUsual] = run
    const compared = Math.max(SHORT_WALK, usual * 2) * moment.widen
    return run < compared ? 0 : figured(moment, Math.min(1, (0.7 * run) / compared), run, usual)
  },
  sentence: (seen, compared) => `${plain(seen)} ids one after the other; its longest row before was ${plain(compared)}`,
}

/** A loop that begins where it began before starts anew; any other jump hides a walk only by a few steps. */
function jump(cells: Float64Array, to: number): number {
  const isLoop = Math.abs(to - (cells[CELL.walkStart] as number)) <= 3
  cells[CELL.walkStart] = to
  return isLoop ? 0 : Math.max(0, (cells[CELL.walkRun] as number) - 3)
}

/** Different things in ten minutes, against the most that ten minutes had. */
export const manyResources: Signal = {
  name: 'many_resources',
  judge: (moment, { resource, isRepeated }) => {
    if (resource === 0 || isRepeated === true) return 0
    const { cells, words, atSeconds } = moment
    const window = Math.floor(atSeconds / WINDOW_SECONDS)
    if (window !== cells[CELL.resourceRate + RATE.windowAt]) forgetSeen(words, SEEN.resources)
    const isNew = markDistinct(words, SEEN.resources, resource)
    countRate(cells, CELL.resourceRate, isNew ? 1 : 0, atSeconds, WINDOW_SECONDS, moment)
    const bits = SEEN.resources.size * 32
    const marked = cells[CELL.resourceRate + RATE.current] as number
    const seen = -bits * Math.log(Math.max(1, bits - marked) / bits)
    const most = -bits * Math.log(Math.max(1, bits - mostSoFar(cells, CELL.resourceRate)) / bits)
    const compared = Math.max(FEWEST_RESOURCES, most) * moment.widen
    return figured(moment, isNew ? excess(seen, compared) : 0, seen, compared)
  },
  sentence: (seen, compared) => `about ${plain(seen)} different ids in 10 min; up to ${plain(compared)} are usual`,
}

const AMOUNTS_NEEDED = 20
const AMOUNT_MEMORY = 1 / 100

/** An amount far above what the agent's amounts are, by their logarithms. */
export const amountOutlier: Signal = {
  name: 'amount',
  judge: (moment, { amount: told }) => {
    const amount = countable(told)
    if (amount <= 0) return 0
    const { cells } = moment
    const count = cells[CELL.amountCount] as number
    const log = Math.log(amount)
    const mean = cells[CELL.amountMean] as number
    const spread = Math.max(0.3, cells[CELL.amountSpread] as number)
    if (moment.isLearning) {
      cells[CELL.amountCount] = count + 1
      const part = Math.max(AMOUNT_MEMORY, 1 / (count + 1))
      // One huge amount must not make the next one usual.
      const distance = count === 0 ? log - mean : Math.max(-3 * spread, Math.min(3 * spread, log - mean))
      cells[CELL.amountMean] = mean + distance * part
      const deviation = count === 0 ? 0 : Math.abs(distance)
      cells[CELL.amountSpread] = (cells[CELL.amountSpread] as number) * (1 - part) + deviation * part * 1.25
    }
    if (count < AMOUNTS_NEEDED) return 0
    const above = (log - mean - Math.log(moment.widen)) / spread
    return above < 4 ? 0 : figured(moment, Math.min(1, above / 8), amount, Math.exp(mean))
  },
  sentence: (seen, compared) => `an amount of ${plain(seen)}; ${plain(compared)} is usual`,
}
