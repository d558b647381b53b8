/** Somebody who waits. */
export interface Waiting {
  readonly start: () => void
  readonly refuse: () => void
}

/** A line in which the proven stand in front of the others. */
export interface WaitingLine {
  /** Whether there is a place, if need be that of an unproven one. */
  readonly hasPlace: (isProven: boolean) => boolean
  /** Lines up. Where no place is free, the last unproven one is refused. */
  readonly enter: (waiting: Waiting, isProven: boolean) => void
  /** Starts the next one. */
  readonly startNext: () => void
  readonly length: () => number
}

/** One start in so many goes to the unproven, so that each of them is answered some day. */
const SHARE_OF_OTHERS = 8

/** Creates a line with so many places. */
export function createWaitingLine(places: number): WaitingLine {
  const proven: Waiting[] = []
  const others: Waiting[] = []
  let started = 0
  const length = (): number => proven.length + others.length
  return {
    length,
    hasPlace: (isProven) => length() < places || (isProven && others.length > 0),
    enter: (waiting, isProven) => {
      if (length() >= places) others.pop()?.refuse()
      const own = isProven ? proven : others
      own.push(waiting)
    },
    startNext: () => {
      const isTurnOfOthers = ++started % SHARE_OF_OTHERS === 0
      const next = (isTurnOfOthers ? others.shift() : undefined) ?? proven.shift() ?? others.shift()
      next?.start()
    },
  }
}
