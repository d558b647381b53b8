import type { ClaimResult, MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'

/** Why a store had to draw a fence. */
export type FenceReason = 'clock_jump' | 'epoch_lost' | 'server_changed' | 'server_clock_jump'

/** Kinds of stores that one process may name. */
const store = { atMost: 8 } as const

interface ClaimLabels {
  replay_claims_total: { store: string; result: ClaimResult | 'unavailable' }
}

/** What the check reports, whatever its store. */
export const CLAIM_METRICS: Metrics<ClaimLabels> = defineMetrics<ClaimLabels>({
  replay_claims_total: {
    kind: 'counter',
    help: 'Signed requests by what the replay store said: replayed ones were seen before',
    labels: { store, result: ['claimed', 'replayed', 'unproven', 'over_quota', 'full', 'unavailable'] },
  },
})

interface StoreLabels {
  replay_fences_total: { store: string; reason: FenceReason }
  replay_claims_live: { store: string }
}

/** What every store reports. */
export const STORE_METRICS: Metrics<StoreLabels> = defineMetrics<StoreLabels>({
  replay_fences_total: {
    kind: 'counter',
    help: 'Times from which a store could no longer vouch for what came before',
    labels: { store, reason: ['clock_jump', 'epoch_lost', 'server_changed', 'server_clock_jump'] },
  },
  replay_claims_live: {
    kind: 'gauge',
    help: 'Claims of this process that are remembered',
    labels: { store },
    combine: 'sum',
  },
})

interface RedisLabels {
  replay_store_evicts: { store: 'redis' }
  replay_store_clock_offset_seconds: { store: 'redis' }
}

/** What a store in Redis reports besides. */
export const REDIS_METRICS: Metrics<RedisLabels> = defineMetrics<RedisLabels>({
  replay_store_evicts: {
    kind: 'gauge',
    help: 'Whether Redis may throw claims away to make room (1)',
    labels: { store: ['redis'] },
  },
  replay_store_clock_offset_seconds: {
    kind: 'gauge',
    help: "How far the store's clock is ahead of ours",
    labels: { store: ['redis'] },
  },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [
  ...CLAIM_METRICS.rows,
  ...STORE_METRICS.rows,
  ...REDIS_METRICS.rows,
  degradedRow(['replay']),
]
