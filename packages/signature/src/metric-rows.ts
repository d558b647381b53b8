import type { MetricRow } from '@countermark/core'

/** What verification of signatures reports. */
export const METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'verifications_total',
    kind: 'counter',
    help: 'Signatures verified at once on the event loop or in the thread pool',
    labels: { mode: ['sync', 'pool'] },
  },
  {
    name: 'verifications_shed_total',
    kind: 'counter',
    help: 'Requests refused because too many signatures were waiting to be verified',
    labels: {},
  },
  {
    name: 'verifications_waiting',
    kind: 'gauge',
    help: 'Signatures that wait for the thread pool',
    labels: {},
    initial: 0,
  },
  {
    name: 'deprecated_scheme_requests_total',
    kind: 'counter',
    help: 'Requests signed in a form that is to go away',
    labels: { scheme: ['simple-v0'] },
  },
]
