import { defineMetrics, type Metrics } from './internal/define-metrics.ts'
import { degradedRow, type MetricRow } from './seams/metric-row.ts'

/** Values of the `check` label that are no check: the parts of the guard itself that can refuse. */
export const GUARD_PARTS: readonly string[] = ['request', 'open', 'level', 'recorder']

/** Checks that one process may name: ours, and those of applications. */
const MAX_CHECKS = 64

/** The metrics of the guard itself, with their labels. */
export interface GuardLabels {
  guard_failures_total: Record<never, never>
  observer_failures_total: Record<never, never>
  audit_failures_total: Record<never, never>
  challenge_failures_total: { check: string }
  rollout_decisions_total: { mode: 'enforce' | 'observe'; by: 'agent' | 'network' }
}

/** What the guard itself reports. */
export const METRICS: Metrics<GuardLabels> = defineMetrics<GuardLabels>({
  guard_failures_total: {
    kind: 'counter',
    help: 'Requests refused because the guard itself failed',
    labels: {},
  },
  observer_failures_total: {
    kind: 'counter',
    help: 'Errors thrown by observers, which changed nothing',
    labels: {},
  },
  audit_failures_total: {
    kind: 'counter',
    help: 'Decisions that the recorder could not record',
    labels: {},
  },
  challenge_failures_total: {
    kind: 'counter',
    help: 'Challenges and announcements left out of an answer because writing them failed',
    labels: { check: { atMost: MAX_CHECKS } },
  },
  rollout_decisions_total: {
    kind: 'counter',
    help: 'Decisions of guards that enforce for a share of callers, by the share and what it was chosen by',
    labels: { mode: ['enforce', 'observe'], by: ['agent', 'network'] },
  },
})

/** The rows of the guard, and of what any package may depend on. */
export const METRIC_ROWS: readonly MetricRow[] = [...METRICS.rows, degradedRow({ atMost: 16 })]
