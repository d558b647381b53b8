import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics } from '@countermark/core/internal'

interface Labels {
  readonly verifications_total: { readonly mode: 'sync' | 'pool' }
  readonly verifications_shed_total: Readonly<Record<never, never>>
  readonly verifications_waiting: Readonly<Record<never, never>>
  readonly deprecated_scheme_requests_total: { readonly scheme: 'simple-v0' }
}

/** What verification of signatures reports. */
export const METRICS: Metrics<Labels> = defineMetrics<Labels>({
  verifications_total: {
    kind: 'counter',
    help: 'Signatures verified at once on the event loop or in the thread pool',
    labels: { mode: ['sync', 'pool'] },
  },
  verifications_shed_total: {
    kind: 'counter',
    help: 'Requests refused because too many signatures were waiting to be verified',
    labels: {},
  },
  verifications_waiting: { kind: 'gauge', help: 'Signatures that wait for the thread pool', labels: {}, initial: 0 },
  deprecated_scheme_requests_total: {
    kind: 'counter',
    help: 'Requests signed in a form that is to go away',
    labels: { scheme: ['simple-v0'] },
  },
})

/** The same as a list. */
export const METRIC_ROWS: readonly MetricRow[] = METRICS.rows
