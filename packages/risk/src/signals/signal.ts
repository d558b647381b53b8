import type { Observation } from '../observation.ts'
import type { SignalName } from '../score/weights.ts'
import type { Learning } from '../sketch/rate.ts'
import type { NetworkPlace } from './network-place.ts'

/** What a signal looks at: the sketch of an agent at one request. One object for all requests, so that nothing is made for each. */
export interface Moment extends Learning {
  readonly cells: Float64Array
  readonly words: Uint32Array
  atSeconds: number
  isLearning: boolean
  isProbation: boolean
  isSettling: boolean
  /** By how much more than usual is usual now: above 1 while a change is announced. */
  widen: number
  /** The network prefix of the caller, hashed; 0 when it is not known. */
  prefix: number
  /** What else is known of the network; `undefined` when it is the same as before. */
  place: NetworkPlace | undefined
  /** The figures of the last judgement: what was seen, and with what it was compared. */
  seen: number
  compared: number
}

/** Limits that signals compare with. */
export interface SignalLimits {
  readonly requestsPerMinute: number
  readonly writesPerMinute: number
  readonly failuresPerMinute: number
}

/** One signal: what it makes of a request, from 0 for nothing to 1, and how it says so. */
export interface Signal {
  readonly name: SignalName
  /** Looks at a request and learns from it; leaves its figures in the moment. */
  readonly judge: (moment: Moment, observation: Observation, limits: SignalLimits) => number
  /** Says it with its figures. */
  readonly sentence: (seen: number, compared: number) => string
}

/** Strength of an excess: nothing up to twice as much as usual, full from eight times on. */
export function excess(seen: number, compared: number): number {
  const times = seen / compared
  return times <= 2 ? 0 : Math.min(1, Math.log2(times) / 3)
}

/** Notes the figures of a judgement and returns its strength. */
export function figured(moment: Moment, strength: number, seen: number, compared: number): number {
  moment.seen = seen
  moment.compared = compared
  return strength
}

/** A number for people. */
export function plain(value: number): string {
  return String(Math.abs(value) < 10 ? Math.round(value * 10) / 10 : Math.round(value))
}
