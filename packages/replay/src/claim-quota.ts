/** Counts live claims, in all and for each key. Times are Unix seconds. */
export interface ClaimQuota {
  /** What a further claim of a key would exceed. */
  readonly exceeded: (thumbprint: string, nowSecond: number) => 'over_quota' | 'full' | undefined
  /** Claims that count at present, or did a few seconds ago. */
  readonly live: () => number
  /** Counts a claim until its last second, or a few seconds longer. */
  readonly count: (thumbprint: string, lastSecond: number) => void
}

/** How many live claims there may be. */
export interface QuotaLimits {
  readonly maxClaims: number
  readonly maxClaimsPerKey: number
}

interface KeyCount {
  readonly thumbprint: string
  live: number
  latest: Tally | undefined
}

/** Claims of one key that end together. */
interface Tally {
  readonly key: KeyCount
  /** The first second at which all of them have ended. */
  readonly end: number
  claims: number
}

const BUCKET_SECONDS = 8
/**
 * A key may hold this many times what is still free: the less there is, the less for those who hold most. So no number of
 * greedy keys fills everything, and there is always room for one that holds little.
 */
const MOST_OF_FREE = 4

/** Claims are counted in buckets by their end, so nothing is kept for each claim and a bucket is forgotten whole. */
export function createClaimQuota({ maxClaims, maxClaimsPerKey }: QuotaLimits): ClaimQuota {
  const keys = new Map<string, KeyCount>()
  const buckets = new Map<number, Map<string, Tally>>()
  let live = 0
  let firstEnd = Number.POSITIVE_INFINITY

  function forgetEnded(nowSecond: number): void {
    firstEnd = Number.POSITIVE_INFINITY
    for (const [end, tallies] of buckets) {
      if (nowSecond < end) {
        firstEnd = Math.min(firstEnd, end)
        continue
      }
      buckets.delete(end)
      for (const tally of tallies.values()) live -= release(tally, keys)
    }
  }

  return {
    live: () => live,
    exceeded: (thumbprint, nowSecond) => {
      if (nowSecond >= firstEnd) forgetEnded(nowSecond)
      const held = keys.get(thumbprint)?.live ?? 0
      if (held >= maxClaimsPerKey) return 'over_quota'
      if (live >= maxClaims) return 'full'
      return held >= (maxClaims - live) * MOST_OF_FREE ? 'over_quota' : undefined
    },
    count: (thumbprint, lastSecond) => {
      const key = keys.get(thumbprint) ?? { thumbprint, live: 0, latest: undefined }
      const end = (Math.floor(lastSecond / BUCKET_SECONDS) + 1) * BUCKET_SECONDS
      let tally = key.latest
      if (tally?.end !== end) {
        const tallies = buckets.get(end) ?? new Map<string, Tally>()
        tally = tallies.get(thumbprint) ?? { key, end, claims: 0 }
        tallies.set(thumbprint, tally)
        buckets.set(end, tallies)
      }
      tally.claims += 1
      key.latest = tally
      key.live += 1
      live += 1
      keys.set(thumbprint, key)
      firstEnd = Math.min(firstEnd, end)
    },
  }
}

function release({ key, end, claims }: Tally, keys: Map<string, KeyCount>): number {
  key.live -= claims
  if (key.latest?.end === end) key.latest = undefined
  if (key.live === 0) keys.delete(key.thumbprint)
  return claims
}
