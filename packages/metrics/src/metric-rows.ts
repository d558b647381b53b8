import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics, REFUSAL_CODES } from '@countermark/core/internal'

/** Refusals that ask for one more try as part of the protocol. */
const RETRIES: readonly string[] = ['freshness_unproven', 'dpop_nonce_required']
const MORE_FAILURES: readonly string[] = ['signature_malformed', 'digest_mismatch', 'agent_suspended', 'agent_mismatch']

/** Refusals that say: this caller did not prove who it is. */
export const AUTHENTICATION_CODES: readonly string[] = Object.entries(REFUSAL_CODES)
  .filter(([code, { status }]) => (status === 401 && !RETRIES.includes(code)) || MORE_FAILURES.includes(code))
  .map(([code]) => code)

/** Refusals of a signature or of its key. */
export const SIGNATURE_CODES: readonly string[] = [
  ...['signature_malformed', 'signature_expired', 'signature_not_yet_valid', 'signature_invalid', 'nonce_missing'],
  ...['coverage_insufficient', 'algorithm_not_allowed', 'digest_mismatch', 'agent_mismatch'],
  ...['key_unknown', 'key_invalid', 'key_revoked', 'key_expired', 'key_not_yet_valid'],
]

/** What each label may say. Options bound agents and routes, at 100 unless they say otherwise. */
const LABELS = {
  agent: { atMost: 100 },
  capability: { atMost: 100 },
  check: { atMost: 64 },
  code: ['none', ...Object.keys(REFUSAL_CODES)],
  outcome: ['allow', 'deny', 'observe'],
  route: { atMost: 100 },
  status: ['1xx', '2xx', '3xx', '4xx', '5xx'],
} as const

const { agent, capability, check, code, outcome, route, status } = LABELS

/** Classes of statuses, in order. */
export const STATUS_CLASSES: readonly string[] = status

const SECONDS = [
  ...[0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01],
  ...[0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
] as const

/** The metrics of this package with their labels. */
export interface OwnLabels {
  decisions_total: Record<'check' | 'outcome' | 'code' | 'route' | 'agent', string>
  authentication_failures_total: Record<'code', string>
  signature_failures_total: Record<'agent' | 'route', string>
  check_duration_seconds: Record<'check', string>
  guard_duration_seconds: Record<'outcome', string>
  requests_total: Record<'status', string>
  requests_aborted_total: Record<never, string>
  key_expiry_timestamp_seconds: Record<'agent', string>
  delegation_chain_depth: Record<never, string>
  capability_uses_total: Record<'agent' | 'capability', string>
  capability_first_used_timestamp_seconds: Record<'agent' | 'capability', string>
  series_merged_total: Record<never, string>
  measurements_unknown_total: Record<never, string>
  build_info: Record<'version' | 'node', string>
}

/** What is counted for every guard, out of its decisions, and what this package says of itself. */
export const METRICS: Metrics<OwnLabels> = defineMetrics<OwnLabels>({
  decisions_total: {
    kind: 'counter',
    help: 'Decisions of guards, by the check that refused or was last, outcome, code, route and agent',
    labels: { check, outcome, code, route, agent },
  },
  authentication_failures_total: {
    kind: 'counter',
    help: 'Refused requests whose caller did not prove who it is',
    labels: { code: AUTHENTICATION_CODES },
  },
  signature_failures_total: {
    kind: 'counter',
    help: 'Refused signatures, by the agent whose key the request names and by route',
    labels: { agent, route },
  },
  check_duration_seconds: {
    kind: 'histogram',
    help: 'Time that a check took, waiting included',
    labels: { check },
    buckets: SECONDS,
  },
  guard_duration_seconds: {
    kind: 'histogram',
    help: 'Time that all checks of a guard took together',
    labels: { outcome },
    buckets: SECONDS,
  },
  requests_total: {
    kind: 'counter',
    help: 'Guarded requests that have ended, by class of status',
    labels: { status },
  },
  requests_aborted_total: {
    kind: 'counter',
    help: 'Guarded requests whose client went away before the answer was complete',
    labels: {},
  },
  key_expiry_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the key ends that an agent used last; not shown for keys without an end',
    labels: { agent },
  },
  delegation_chain_depth: {
    kind: 'histogram',
    help: 'Agents through whose hands the rights of allowed requests went',
    labels: {},
    buckets: [1, 2, 3, 4, 6, 8, 12, 16],
  },
  capability_uses_total: {
    kind: 'counter',
    help: 'Allowed requests by the capability used, as the route declares it',
    labels: { agent, capability },
  },
  capability_first_used_timestamp_seconds: {
    kind: 'gauge',
    help: 'When an agent first used a capability since this process began',
    labels: { agent, capability },
    combine: 'min',
  },
  series_merged_total: {
    kind: 'counter',
    help: 'Measurements put under other because there are too many series',
    labels: {},
  },
  measurements_unknown_total: {
    kind: 'counter',
    help: 'Measurements that no package has described',
    labels: {},
  },
  build_info: {
    kind: 'gauge',
    help: 'The version that is running',
    labels: { version: { atMost: 1 }, node: { atMost: 1 } },
  },
})

/** For the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = METRICS.rows
