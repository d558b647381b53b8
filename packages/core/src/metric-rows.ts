import { degradedRow, type MetricRow } from './seams/metric-row.ts'

/** Values of the `check` label that are no check: the parts of the guard itself that can refuse. */
export const GUARD_PARTS: readonly string[] = ['request', 'open', 'level', 'recorder']

/** Checks that one process may name: ours, and those of applications. */
const MAX_CHECKS = 64

/** What the guard itself reports. */
export const METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'guard_failures_total',
    kind: 'counter',
    help: 'Requests refused because the guard itself failed',
    labels: {},
  },
  {
    name: 'observer_failures_total',
    kind: 'counter',
    help: 'Errors thrown by observers, which changed nothing',
    labels: {},
  },
  {
    name: 'audit_failures_total',
    kind: 'counter',
    help: 'Decisions that the recorder could not record',
    labels: {},
  },
  {
    name: 'challenge_failures_total',
    kind: 'counter',
    help: 'Challenges left out of an answer because writing them failed',
    labels: { check: { atMost: MAX_CHECKS } },
  },
  degradedRow({ atMost: 16 }),
]
