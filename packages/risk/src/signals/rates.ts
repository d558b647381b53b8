import { CELL } from '../sketch/layout.ts'
import { countRate, mostSoFar } from '../sketch/rate.ts'
import { excess, figured, type Moment, plain, type Signal } from './signal.ts'

const MINUTE = 60
const HOUR = 3600
/** Below this an agent that was quiet so far is still quiet. */
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
  judge: (moment, { amount }) => {
    if (amount <= 0) return 0
    const most = mostSoFar(moment.cells, CELL.amountRate)
    const seen = countRate(moment.cells, CELL.amountRate, amount, moment.atSeconds, HOUR, moment)
    if (most === 0) return 0
    return figured(moment, excess(seen, most * moment.widen), seen, most * moment.widen)
  },
  sentence: (seen, compared) => `amounts of ${plain(seen)} in an hour; up to ${plain(compared)} are usual`,
}

/** Requests in a minute, against what holds for every agent. */
export const requestLimit: Signal = {
  name: 'request_limit',
  judge: (moment, observation, limits) =>
    observation.isRepeated === true ? 0 : judgeLimit(moment, CELL.requestRate + 1, limits.requestsPerMinute),
  sentence: (seen, compared) => `${plain(seen)} requests in this minute; at most ${plain(compared)} are allowed`,
}

/** Writes in a minute, against what holds for every agent. */
export const writeLimit: Signal = {
  name: 'write_limit',
  judge: (moment, observation, limits) =>
    observation.isSafe || observation.isRepeated === true
      ? 0
      : judgeLimit(moment, CELL.writeRate + 1, limits.writesPerMinute),
  sentence: (seen, compared) => `${plain(seen)} writes in this minute; at most ${plain(compared)} are allowed`,
}
