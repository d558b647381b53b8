import { addressPrefix } from '../internal/ip.ts'
import { custom, number, type OptionReader, optionTable } from '../internal/option-table.ts'

/** How many requests that prove nothing one network may send. */
export interface SourceLimit {
  /** Refilled each second. @default 500 */
  readonly perSecond?: number
  /** At once. @default 2 × perSecond */
  readonly burst?: number
  /** Networks that are remembered; the one that was heard of longest ago makes room. @default 65_536 */
  readonly maxSources?: number
}

/** A limit after validation. */
export interface SourceLimitSettings {
  readonly perSecond: number
  readonly burst: number
  readonly maxSources: number
}

/** Holds networks to their limit: /24 of IPv4, /64 of IPv6. Times are of the monotonic clock, in milliseconds. */
export interface SourceLimiter {
  /** Networks without a request left; while there is none, requests cost nothing here. */
  readonly exhausted: ReadonlySet<string>
  /** Seconds until the network of an address has a request left; 0 when it has one now. */
  readonly secondsToWait: (findAddress: () => string | undefined, nowMs: () => number) => number
  /** Counts a request that proved nothing. */
  readonly charge: (address: string | undefined, nowMs: number) => void
}

const LIMIT = optionTable('sourceLimit', {
  perSecond: number({ min: 1, default: 500 }),
  burst: number({ min: 1 }),
  maxSources: number({ min: 1, max: 1_000_000, default: 65_536 }),
})

/** Reads `sourceLimit`; `undefined` when it is off. */
export const sourceLimit: OptionReader<SourceLimitSettings | undefined> = custom((name, given = {}) => {
  if (given === 'off') return undefined
  const { perSecond, burst = 2 * perSecond, maxSources } = LIMIT.read(given as SourceLimit, `${name}.`)
  return { perSecond, burst, maxSources }
})

interface Bucket {
  left: number
  filledMs: number
}

/** One bucket for each network that sent something unproven lately. */
export function createSourceLimiter({ perSecond, burst, maxSources }: SourceLimitSettings): SourceLimiter {
  /** The network that was charged last stands last. */
  const buckets = new Map<string, Bucket>()
  const exhausted = new Set<string>()

  function refill(source: string, bucket: Bucket, nowMs: number): void {
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, nowMs - bucket.filledMs) / 1000) * perSecond)
    bucket.filledMs = nowMs
    if (bucket.left >= 1) exhausted.delete(source)
  }

  function forget(source: string): void {
    buckets.delete(source)
    exhausted.delete(source)
  }

  return {
    exhausted,
    secondsToWait: (findAddress, nowMs) => {
      if (exhausted.size === 0) return 0
      const source = addressPrefix(findAddress())
      const bucket = exhausted.has(source) ? buckets.get(source) : undefined
      if (bucket === undefined) return 0
      refill(source, bucket, nowMs())
      return bucket.left >= 1 ? 0 : Math.max(1, Math.ceil((1 - bucket.left) / perSecond))
    },
    charge: (address, nowMs) => {
      const source = addressPrefix(address)
      const bucket = buckets.get(source) ?? { left: burst, filledMs: nowMs }
      refill(source, bucket, nowMs)
      bucket.left = Math.max(0, bucket.left - 1)
      buckets.delete(source)
      buckets.set(source, bucket)
      if (bucket.left < 1) exhausted.add(source)
      const [oldest] = buckets.size > maxSources ? buckets.keys() : []
      if (oldest !== undefined) forget(oldest)
    },
  }
}
