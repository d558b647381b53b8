import { countable } from '../observation.ts'
import { CELL, RATE } from '../sketch/layout.ts'
import { countRate, mostSoFar } from '../sketch/rate.ts'
import { excess, figured, type Moment, plain, type Signal } from './signal.ts'

const MINUTE = 60
const HOUR = 3600
/** Below this an agent that was quiet so far is still quiet. */
const FEW_AMOUNTS = 3
const FEWEST = { requests: 20, writes: 6 }

/** Compares the count of a window with the most that one window had before. */
function judgeRate(moment: Moment, from: number, seen: number, fewest: number): number {
  const compared = Math.max(fewest, mostSoFar(moment.cells, from)) * moment.widen
  return figured(moment, excess(seen, compared), seen, compared)
}

function judgeLimit(moment: Moment, from: number, limit: number): number {
  const seen = moment.cells[from] as number
  // A limit is one: at twice as much it counts in full.
  return figured(moment, seen <= limit ? 0 : Math.min(1, 0.7 + (0.3 * (seen - limit)) / limit), seen, limit)
}

/** Requests in 60 seconds, against the most that 60 seconds had. */
export const requestVelocity: Signal = {
  name: 'request_velocity',
  judge: (moment, observation) => {
    if (observation.isRepeated === true) return 0
    const seen = countRate(moment.cells, CELL.requestRate, 1, moment.atSeconds, MINUTE, moment)
    return judgeRate(moment, CELL.requestRate, seen, FEWEST.requests)
  },
  sentence: (seen, compared) => `${plain(seen)} requests in 60 s; up to ${plain(compared)} are usual`,
}

/** Within these seconds a program shows that no usual work paces it. */
const PACE_SECONDS = 5
const FEWEST_AT_ONCE = 5

/** Requests in 5 seconds, against the most that 5 seconds had: what is taken at once is seen before a minute is over. */
export const requestPace: Signal = {
  name: 'request_pace',
  judge: (moment, observation) => {
    if (observation.isRepeated === true) return 0
    const { cells, atSeconds, widen } = moment
    const seen = countRate(cells, CELL.paceRate, 1, atSeconds, PACE_SECONDS, moment)
    const compared = Math.max(FEWEST_AT_ONCE, mostSoFar(cells, CELL.paceRate)) * widen
    // So few seconds hold few requests: four times as many as ever count in full.
    return figured(moment, Math.min(1, excess(seen, compared) * 1.5), seen, compared)
  },
  sentence: (seen, compared) => `${plain(seen)} requests in 5 s; up to ${plain(compared)} are usual`,
}

/** The same for requests that change something. */
export const writeVelocity: Signal = {
  name: 'write_velocity',
  judge: (moment, observation) => {
    if (observation.isSafe || observation.isRepeated === true) return 0
    const seen = countRate(moment.cells, CELL.writeRate, 1, moment.atSeconds, MINUTE, moment)
    return judgeRate(moment, CELL.writeRate, seen, FEWEST.writes)
  },
  sentence: (seen, compared) => `${plain(seen)} writes in 60 s; up to ${plain(compared)} are usual`,
}

/** The sum of amounts in an hour, against the most that one hour had. */
export const amountVelocity: Signal = {
  name: 'amount_velocity',
  judge: (moment, { amount: told }) => {
    const amount = countable(told)
    if (amount <= 0) return 0
    const most = mostSoFar(moment.cells, CELL.amountRate)
    const seen = countRate(moment.cells, CELL.amountRate, amount, moment.atSeconds, HOUR, moment)
    if (most === 0) return 0
    // A few large ones of its amounts may fall into one hour.
    const few =
      FEW_AMOUNTS * Math.exp((moment.cells[CELL.amountMean] as number) + (moment.cells[CELL.amountSpread] as number))
    const compared = Math.max(most, few) * moment.widen
    // Sums of amounts have a heavier tail than counts.
    return figured(moment, excess(seen, 1.5 * compared), seen, compared)
  },
  sentence: (seen, compared) => `amounts of ${plain(seen)} in an hour; up to ${plain(compared)} are usual`,
}

/** Requests in a minute, against what holds for every agent. */
export const requestLimit: Signal = {
  name: 'request_limit',
  judge: (moment, observation, limits) =>
    observation.isRepeated === true ? 0 : judgeLimit(moment, CELL.requestRate + RATE.current, limits.requestsPerMinute),
  sentence: (seen, compared) => `${plain(seen)} requests in this minute; at most ${plain(compared)} are allowed`,
}

/** Writes in a minute, against what holds for every agent. */
export const writeLimit: Signal = {
  name: 'write_limit',
  judge: (moment, observation, limits) =>
    observation.isSafe || observation.isRepeated === true
      ? 0
      : judgeLimit(moment, CELL.writeRate + RATE.current, limits.writesPerMinute),
  sentence: (seen, compared) => `${plain(seen)} writes in this minute; at most ${plain(compared)} are allowed`,
}
