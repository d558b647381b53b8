import type { EndedRequest } from '../observation.ts'
import type { SignalName } from '../score/weights.ts'
import { CELL, RATE } from '../sketch/layout.ts'
import { countRate, mostSoFar } from '../sketch/rate.ts'
import type { SignalLimits } from './signal.ts'
import { excess, figured, type Moment, plain } from './signal.ts'

/** A signal over how requests end. */
export interface EndSignal {
  readonly name: SignalName
  readonly judge: (moment: Moment, ended: EndedRequest, limits: SignalLimits) => number
  readonly sentence: (seen: number, compared: number) => string
}

const MINUTE = 60
const FEWEST = 5

/** Requests that failed or were refused in a minute, against the most that one minute had. */
export const failureBurst: EndSignal = {
  name: 'failure_burst',
  judge: (moment, { end }) => {
    if (end === 'served') return 0
    const { cells } = moment
    const seen = countRate(cells, CELL.failureRate, 1, moment.atSeconds, MINUTE, moment)
    const compared = Math.max(FEWEST, mostSoFar(cells, CELL.failureRate)) * moment.widen
    return figured(moment, excess(seen, compared), seen, compared)
  },
  sentence: (seen, compared) => `${plain(seen)} refused or failed requests in 60 s; up to ${plain(compared)} are usual`,
}

/** The same against what holds for every agent. */
export const failureLimit: EndSignal = {
  name: 'failure_limit',
  judge: (moment, { end }, { failuresPerMinute }) => {
    const seen = moment.cells[CELL.failureRate + RATE.current] as number
    return end === 'served' || seen <= failuresPerMinute ? 0 : figured(moment, 1, seen, failuresPerMinute)
  },
  sentence: (seen, compared) =>
    `${plain(seen)} refused or failed requests in this minute; at most ${plain(compared)} are allowed`,
}

const NOW = 1 / 15
const USUAL = 1 / 500

/** The share of requests that are refused, lately, against what it is usually. */
export const refusedShare: EndSignal = {
  name: 'refused_share',
  judge: (moment, { end }) => {
    const { cells } = moment
    const value = end === 'served' ? 0 : 1
    const now = (cells[CELL.refusedNow] as number) + (value - (cells[CELL.refusedNow] as number)) * NOW
    const usual = cells[CELL.refusedUsual] as number
    cells[CELL.refusedNow] = now
    if (moment.isLearning) cells[CELL.refusedUsual] = usual + (value - usual) * (moment.isProbation ? NOW / 3 : USUAL)
    const compared = Math.max(0.1, usual * 2) * moment.widen
    return value === 0 || now <= 2 * compared ? 0 : figured(moment, Math.min(1, now + 0.3), now * 100, usual * 100)
  },
  sentence: (seen, compared) => `${plain(seen)} % of its latest requests were refused; ${plain(compared)} % is usual`,
}
