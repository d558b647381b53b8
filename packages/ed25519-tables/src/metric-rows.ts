import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics } from '@countermark/core/internal'

type Name = 'verifications_total' | 'shadow_checks_total' | 'differences_total' | 'given_up' | 'keys'

/** What the verifier with tables reports: nothing has labels. */
export type TableLabels = Record<`ed25519_tables_${Name}`, Record<never, string>>

const labels = {}

/** The metrics of the verifier with tables. */
export const METRICS: Metrics<TableLabels> = defineMetrics<TableLabels>({
  ed25519_tables_verifications_total: { kind: 'counter', help: 'Signatures that a table judged', labels },
  ed25519_tables_shadow_checks_total: {
    kind: 'counter',
    help: 'Verdicts of tables that node:crypto was asked for as well',
    labels,
  },
  ed25519_tables_differences_total: {
    kind: 'counter',
    help: 'Verdicts of tables that node:crypto did not share, after which tables decide nothing; must stay 0',
    labels,
  },
  ed25519_tables_given_up: {
    kind: 'gauge',
    help: 'Whether node:crypto decides alone because a table was wrong (1) or not (0); must stay 0',
    labels,
    initial: 0,
  },
  ed25519_tables_keys: { kind: 'gauge', help: 'Keys that have a table', labels, initial: 0, combine: 'sum' },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = METRICS.rows
