import type { MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'

/** Why there was no decision. A closed set. */
export const FAILURE_REASONS = [
  'timeout',
  'unreachable',
  'failed',
  'undecided',
  'malformed',
  'obligation_unknown',
] as const

/** One of {@link FAILURE_REASONS}. */
export type FailureReason = (typeof FAILURE_REASONS)[number]

interface Labels {
  policy_decisions_total: { engine: string; decision: 'allow' | 'deny' | 'unavailable'; source: 'engine' | 'cache' }
  policy_denials_total: { reason: string }
  policy_failures_total: { reason: FailureReason }
  policy_obligations_total: { obligation: 'approval' | 'read_only' | 'limit'; result: 'met' | 'refused' }
  policy_decision_seconds: { engine: string }
  policy_revisions_total: { revision: string }
}

/** Engines of an application have names of their own. */
const engine = { atMost: 8 }

/** What the check reports, whatever its engine. */
export const METRICS: Metrics<Labels> = defineMetrics<Labels>({
  policy_decisions_total: {
    kind: 'counter',
    help: 'Requests that a policy decided, or should have, by what it said and whether it was asked',
    labels: { engine, decision: ['allow', 'deny', 'unavailable'], source: ['engine', 'cache'] },
  },
  policy_denials_total: {
    kind: 'counter',
    help: 'Requests that a policy denied, by the reason where it is one short word',
    labels: { reason: { atMost: 32 } },
  },
  policy_failures_total: {
    kind: 'counter',
    help: 'Questions that a policy gave no readable answer to: all of these requests were refused',
    labels: { reason: FAILURE_REASONS },
  },
  policy_obligations_total: {
    kind: 'counter',
    help: 'What a policy asked for besides its yes, and whether the request had it',
    labels: { obligation: ['approval', 'read_only', 'limit'], result: ['met', 'refused'] },
  },
  policy_decision_seconds: {
    kind: 'histogram',
    help: 'How long an engine took to answer',
    labels: { engine },
    buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
  },
  policy_revisions_total: {
    kind: 'counter',
    help: 'Decisions, by the revision of the policy that made them',
    labels: { revision: { atMost: 16 } },
  },
})

interface BundleLabels {
  policy_reloads_total: { result: 'loaded' | 'unchanged' | 'refused' | 'failed' }
}

/** What an engine reports that loads bundles. */
export const BUNDLE_METRICS: Metrics<BundleLabels> = defineMetrics<BundleLabels>({
  policy_reloads_total: {
    kind: 'counter',
    help: 'Looks for a newer bundle, by what came of them; the one before decides on after a refused or failed one',
    labels: { result: ['loaded', 'unchanged', 'refused', 'failed'] },
  },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [
  ...METRICS.rows,
  ...BUNDLE_METRICS.rows,
  degradedRow(['policy', 'policy_bundle']),
]
