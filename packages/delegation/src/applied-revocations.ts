import type { MetricRow } from '@countermark/core'
import { APPLIED_METRIC_ROW } from './metric-rows.ts'
import type { RevocationName } from './revocation-event.ts'

/** Counts revocations outside of requests, where there is nobody to report to. */
export interface AppliedCounters {
  readonly count: (type: RevocationName['type']) => void
  readonly metrics: readonly MetricRow[]
}

/** Begins at zero. */
export function createAppliedCounters(): AppliedCounters {
  const counts: Record<RevocationName['type'], number> = { token: 0, agent: 0, key: 0, chain: 0, user: 0 }
  const types: readonly RevocationName['type'][] = ['token', 'agent', 'key', 'chain', 'user']
  return {
    count: (type) => {
      counts[type] += 1
    },
    metrics: types.map((type) => ({ ...APPLIED_METRIC_ROW, labels: { type: [type] }, read: () => counts[type] })),
  }
}
