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
  readonly bucket: number
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
    if (nowSecond < firstEnd) return
    firstEnd = Number.POSITIVE_INFINITY
    for (const [bucket, tallies] of buckets) {
      if (nowSecond < endOf(bucket)) {
        firstEnd = Math.min(firstEnd, endOf(bucket))
        continue
      }
      buckets.delete(bucket)
      for (const tally of tallies.values()) live -= release(tally, keys)
    }
  }

  return {
    live: () => live,
    exceeded: (thumbprint, nowSecond) => {
      forgetEnded(nowSecond)
      const held = keys.get(thumbprint)?.live ?? 0
      if (held >= maxClaimsPerKey) return 'over_quota'
      if (live >= maxClaims) return 'full'
      return held >= (maxClaims - live) * MOST_OF_FREE ? 'over_quota' : undefined
    },
    count: (thumbprint, lastSecond) => {
      const key = keys.get(thumbprint) ?? { thumbprint, live: 0, latest: undefined }
      const bucket = Math.floor(lastSecond / BUCKET_SECONDS)
      const tally = key.latest?.bucket === bucket ? key.latest : findTally(key, bucket, buckets)
      tally.claims += 1
      key.latest = tally
      key.live += 1
      live += 1
      keys.set(thumbprint, key)
      firstEnd = Math.min(firstEnd, endOf(bucket))
    },
  }
}

/** The first second at which every claim of a bucket has ended. */
function endOf(bucket: number): number {
  return (bucket + 1) * BUCKET_SECONDS
}

function findTally(key: KeyCount, bucket: number, buckets: Map<number, Map<string, Tally>>): Tally {
  const tallies = buckets.get(bucket) ?? new Map<string, Tally>()
  const tally = tallies.get(key.thumbprint) ?? { key, bucket, claims: 0 }
  tallies.set(key.thumbprint, tally)
  buckets.set(bucket, tallies)
  return tally
}

function release({ key, bucket, claims }: Tally, keys: Map<string, KeyCount>): number {
  key.live -= claims
  if (key.latest?.bucket === bucket) key.latest = undefined
  if (key.live === 0) keys.delete(key.thumbprint)
  return claims
}
