import { isIPv6 } from 'node:net'
import { addressPrefix } from '@countermark/core/internal'

/** A source of refused requests. */
export interface FailureSource {
  /** An IPv4 address, or the first 64 bits of an IPv6 address. */
  readonly source: string
  /** Refused requests, faded with time: at most so many. */
  readonly failures: number
  /** At least so many. */
  readonly atLeast: number
  /** The code of its last refusal. */
  readonly lastCode: string
  /** Unix milliseconds. */
  readonly lastAtMs: number
}

/** One refused request. */
export interface Failure {
  readonly address: string | undefined
  readonly code: string
  readonly atMs: number
}

/** Finds the sources that are refused most, in bounded memory under any flood. */
export interface TopFailures {
  readonly count: (failure: Failure) => void
  /** The heaviest first. */
  readonly top: (limit: number, nowMs: number) => readonly FailureSource[]
}

interface Counter {
  readonly source: string
  /** In the weight of the first moment: what counts now counts more. */
  weight: number
  error: number
  lastCode: string
  lastAtMs: number
}

/** Half-lives after which weights are written down anew, before numbers grow too large. */
const MOST_HALF_LIVES = 64

/**
 * Counts by the method of space saving: a new source takes over what the lightest ones were worth, so no source that is
 * refused often is missed. Half of the counters are dropped at a time. What happened a half-life ago counts half.
 */
export function createTopFailures(limits: { readonly sources: number; readonly halfLifeMs: number }): TopFailures {
  const { sources, halfLifeMs } = limits
  let counters = new Map<string, Counter>()
  let floor = 0
  let originMs = Number.NaN

  const weightAt = (nowMs: number): number => 2 ** ((nowMs - originMs) / halfLifeMs)

  function moveOrigin(nowMs: number): void {
    if (Math.abs(nowMs - originMs) <= MOST_HALF_LIVES * halfLifeMs) return
    const faded = Number.isNaN(originMs) ? 1 : 1 / weightAt(nowMs)
    for (const counter of counters.values()) {
      counter.weight *= faded
      counter.error *= faded
    }
    floor *= faded
    originMs = nowMs
  }

  function dropLightest(): void {
    const sorted = [...counters.values()].sort((one, other) => other.weight - one.weight)
    floor = Math.max(floor, sorted[sources]?.weight ?? 0)
    counters = new Map(sorted.slice(0, sources).map((counter) => [counter.source, counter]))
  }

  return {
    count: ({ address, code, atMs }) => {
      if (address === undefined) return
      moveOrigin(atMs)
      const source = sourceOf(address)
      let counter = counters.get(source)
      if (counter === undefined) {
        if (counters.size >= 2 * sources) dropLightest()
        counter = { source, weight: floor, error: floor, lastCode: code, lastAtMs: atMs }
        counters.set(source, counter)
      }
      counter.weight += weightAt(atMs)
      counter.lastCode = code
      counter.lastAtMs = atMs
    },
    top: (limit, nowMs) => {
      const now = weightAt(nowMs)
      const heaviest = [...counters.values()].sort((one, other) => other.weight - one.weight).slice(0, limit)
      return heaviest.map(({ source, weight, error, lastCode, lastAtMs }) => {
        return { source, failures: round(weight / now), atLeast: round((weight - error) / now), lastCode, lastAtMs }
      })
    },
  }
}

function round(count: number): number {
  return Math.round(count * 10) / 10
}

/** What failures are counted by: an IPv4 address, or the /64 of an IPv6 address, since its owner has all of them. */
export function sourceOf(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)(?:%|$)/i.exec(address)
  return mapped?.[1] ?? addressPrefix(address)
}
