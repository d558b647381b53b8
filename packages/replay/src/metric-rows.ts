import type { MetricRow } from '@countermark/core'
import { degradedRow, type LabelValues } from '@countermark/core/internal'

/** Kinds of stores that one process may name. */
const STORE: LabelValues = { atMost: 8 }

/** What the check reports, whatever its store. */
export const CLAIM_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'replay_claims_total',
    kind: 'counter',
    help: 'Signed requests by what the replay store said: replayed ones were seen before',
    labels: { store: STORE, result: ['claimed', 'replayed', 'unproven', 'over_quota', 'full', 'unavailable'] },
  },
]

/** What every store reports. */
export const STORE_METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'replay_fences_total',
    kind: 'counter',
    help: 'Times from which a store could no longer vouch for what came before',
    labels: { store: STORE, reason: ['clock_jump', 'epoch_lost', 'server_changed', 'server_clock_jump'] },
  },
  {
    name: 'replay_claims_live',
    kind: 'gauge',
    help: 'Claims of this process that are remembered',
    labels: { store: STORE },
    combine: 'sum',
  },
]

/** What a store in Redis reports. */
export const REDIS_METRIC_ROWS: readonly MetricRow[] = [
  ...STORE_METRIC_ROWS,
  {
    name: 'replay_store_evicts',
    kind: 'gauge',
    help: 'Whether Redis may throw claims away to make room (1)',
    labels: { store: ['redis'] },
  },
  {
    name: 'replay_store_clock_offset_seconds',
    kind: 'gauge',
    help: "How far the store's clock is ahead of ours",
    labels: { store: ['redis'] },
  },
  degradedRow(['replay']),
]

/** Everything that this package reports. */
export const METRIC_ROWS: readonly MetricRow[] = [...CLAIM_METRIC_ROWS, ...REDIS_METRIC_ROWS]
