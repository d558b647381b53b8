import type { MetricRow } from '@countermark/core'

/** What the verifier with tables reports. */
export const METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'ed25519_tables_verifications_total',
    kind: 'counter',
    help: 'Signatures that a table judged',
    labels: {},
  },
  {
    name: 'ed25519_tables_shadow_checks_total',
    kind: 'counter',
    help: 'Verdicts of tables that node:crypto was asked for as well',
    labels: {},
  },
  {
    name: 'ed25519_tables_differences_total',
    kind: 'counter',
    help: 'Verdicts of tables that node:crypto did not share, after which tables decide nothing; must stay 0',
    labels: {},
  },
  {
    name: 'ed25519_tables_given_up',
    kind: 'gauge',
    help: 'Whether node:crypto decides alone because a table was wrong (1) or not (0); must stay 0',
    labels: {},
    initial: 0,
  },
  {
    name: 'ed25519_tables_keys',
    kind: 'gauge',
    help: 'Keys that have a table',
    labels: {},
    initial: 0,
    combine: 'sum',
  },
]
