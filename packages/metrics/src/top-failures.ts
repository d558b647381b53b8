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
 * Finds the sources that are refused most, in bounded memory under any flood, by the method of space saving: a new source takes
 * over what the lightest ones were worth, so no source that is refused often is missed. Half of the counters are dropped at a
 * time. What happened a half-life ago counts half.
 */
export class TopFailures {
  private readonly sources: number
  private readonly halfLifeMs: number
  private counters = new Map<string, Counter>()
  private floor = 0
  private originMs = Number.NaN

  constructor({ sources, halfLifeMs }: { readonly sources: number; readonly halfLifeMs: number }) {
    this.sources = sources
    this.halfLifeMs = halfLifeMs
  }

  count({ address, code, atMs }: Failure): void {
    if (address === undefined) return
    this.moveOrigin(atMs)
    const source = sourceOf(address)
    const counter = this.counters.get(source) ?? this.admit(source, code, atMs)
    counter.weight += this.weightAt(atMs)
    counter.lastCode = code
    counter.lastAtMs = atMs
  }

  /** The heaviest first. */
  top(limit: number, nowMs: number): readonly FailureSource[] {
    const now = this.weightAt(nowMs)
    return this.byWeight()
      .slice(0, limit)
      .map(({ source, weight, error, lastCode, lastAtMs }) => {
        return { source, failures: round(weight / now), atLeast: round((weight - error) / now), lastCode, lastAtMs }
      })
  }

  private admit(source: string, lastCode: string, lastAtMs: number): Counter {
    if (this.counters.size >= 2 * this.sources) this.dropLightest()
    const counter = { source, weight: this.floor, error: this.floor, lastCode, lastAtMs }
    this.counters.set(source, counter)
    return counter
  }

  private dropLightest(): void {
    const sorted = this.byWeight()
    this.floor = Math.max(this.floor, sorted[this.sources]?.weight ?? 0)
    this.counters = new Map(sorted.slice(0, this.sources).map((counter) => [counter.source, counter]))
  }

  private byWeight(): readonly Counter[] {
    return [...this.counters.values()].sort((one, other) => other.weight - one.weight)
  }

  private moveOrigin(nowMs: number): void {
    if (Math.abs(nowMs - this.originMs) <= MOST_HALF_LIVES * this.halfLifeMs) return
    const faded = Number.isNaN(this.originMs) ? 1 : 1 / this.weightAt(nowMs)
    for (const counter of this.counters.values()) {
      counter.weight *= faded
      counter.error *= faded
    }
    this.floor *= faded
    this.originMs = nowMs
  }

  private weightAt(nowMs: number): number {
    return 2 ** ((nowMs - this.originMs) / this.halfLifeMs)
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
