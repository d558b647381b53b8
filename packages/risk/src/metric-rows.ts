import type { MetricRow } from '@countermark/core'
import { defineMetrics, degradedRow, type Metrics } from '@countermark/core/internal'
import { ALERT_METRICS } from './alerts/alert-metrics.ts'
import { RISK_LEVELS, type RiskLevel } from './levels/levels.ts'
import type { Review } from './review/decision.ts'
import { SIGNAL_NAMES, type SignalName } from './score/weights.ts'
import { QUESTION_METRICS, SERVICE_METRICS } from './service/service-metrics.ts'

const REVIEW_ACTIONS = ['raise', 'lower', 'clear', 'freeze', 'expect'] as const

interface Labels {
  risk_assessments_total: { level: RiskLevel }
  risk_score: Record<never, never>
  risk_level_changes_total: { from: RiskLevel; to: RiskLevel; by: 'signals' | 'reviewer' }
  risk_reviews_total: { action: Review['action'] }
  risk_would_be_total: { level: RiskLevel }
  risk_refusals_total: { answer: 'throttled' | 'read_only' | 'blocked' }
  risk_signals_total: { signal: SignalName }
  risk_fallbacks_total: { fallback: 'local' | 'allow' | 'read-only' }
}

/** What the check reports, whatever its store. */
export const METRICS: Metrics<Labels> = defineMetrics<Labels>({
  risk_assessments_total: {
    kind: 'counter',
    help: 'Requests of proven agents, by the level at which they were answered',
    labels: { level: RISK_LEVELS },
  },
  risk_score: {
    kind: 'histogram',
    help: 'Scores of requests, 0 to 100',
    labels: {},
    buckets: [0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90],
  },
  risk_level_changes_total: {
    kind: 'counter',
    help: 'Changes of the level of an agent, by who made them',
    labels: { from: RISK_LEVELS, to: RISK_LEVELS, by: ['signals', 'reviewer'] },
  },
  risk_reviews_total: {
    kind: 'counter',
    help: 'Decisions of reviewers, by what they decided',
    labels: { action: REVIEW_ACTIONS },
  },
  risk_would_be_total: {
    kind: 'counter',
    help: 'Requests that the learned baseline would answer at a higher level, were it enforced',
    labels: { level: RISK_LEVELS },
  },
  risk_refusals_total: {
    kind: 'counter',
    help: 'Requests refused because of how the agent behaves, by the answer',
    labels: { answer: ['throttled', 'read_only', 'blocked'] },
  },
  risk_signals_total: {
    kind: 'counter',
    help: 'Signals that added evidence against an agent',
    labels: { signal: SIGNAL_NAMES },
  },
  risk_fallbacks_total: {
    kind: 'counter',
    help: 'Requests for which the store of behaviour could not answer, by what held instead',
    labels: { fallback: ['local', 'allow', 'read-only'] },
  },
})

interface StoreLabels {
  risk_agents: { level: RiskLevel }
}

/** What a store reports. */
export const STORE_METRICS: Metrics<StoreLabels> = defineMetrics<StoreLabels>({
  risk_agents: {
    kind: 'gauge',
    help: 'Agents whose behaviour this process remembers, by level',
    labels: { level: RISK_LEVELS },
  },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = [
  ...METRICS.rows,
  ...STORE_METRICS.rows,
  ...ALERT_METRICS.rows,
  ...QUESTION_METRICS.rows,
  ...SERVICE_METRICS.rows,
  degradedRow(['risk', 'alerts', 'risk-events']),
]
