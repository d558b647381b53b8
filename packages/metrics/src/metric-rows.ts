import type { MetricRow } from '@countermark/core'
import { REFUSAL_CODES } from '@countermark/core/internal'

/** Refusals that ask for one more try as part of the protocol. */
const QUESTIONS: readonly string[] = ['freshness_unproven', 'dpop_nonce_required']
const MORE_FAILURES: readonly string[] = ['signature_malformed', 'digest_mismatch', 'agent_suspended', 'agent_mismatch']

/** Refusals that say: this caller did not prove who it is. */
export const AUTHENTICATION_CODES: readonly string[] = Object.entries(REFUSAL_CODES)
  .filter(([code, { status }]) => (status === 401 && !QUESTIONS.includes(code)) || MORE_FAILURES.includes(code))
  .map(([code]) => code)

/** Refusals of a signature or of its key. */
export const SIGNATURE_CODES: readonly string[] = [
  ...['signature_malformed', 'signature_expired', 'signature_not_yet_valid', 'signature_invalid', 'nonce_missing'],
  ...['coverage_insufficient', 'algorithm_not_allowed', 'digest_mismatch', 'agent_mismatch'],
  ...['key_unknown', 'key_invalid', 'key_revoked', 'key_expired', 'key_not_yet_valid'],
]

/** Agents, routes and checks that are told apart. */
const MANY = { atMost: 100 } as const
const CHECKS = { atMost: 64 } as const
const CODES = ['none', ...Object.keys(REFUSAL_CODES)] as const
const OUTCOMES = ['allow', 'deny', 'observe'] as const

/** Classes of statuses, in order. */
export const STATUS_CLASSES: readonly string[] = ['1xx', '2xx', '3xx', '4xx', '5xx']

const SECONDS = [
  ...[0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01],
  ...[0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
] as const

/** What is counted for every guard, out of its decisions. */
export const METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'decisions_total',
    kind: 'counter',
    help: 'Decisions of guards, by the check that refused or was last, outcome, code, route and agent',
    labels: { check: CHECKS, outcome: OUTCOMES, code: CODES, route: MANY, agent: MANY },
  },
  {
    name: 'authentication_failures_total',
    kind: 'counter',
    help: 'Refused requests whose caller did not prove who it is',
    labels: { code: AUTHENTICATION_CODES },
  },
  {
    name: 'signature_failures_total',
    kind: 'counter',
    help: 'Refused signatures, by the agent whose key the request names and by route',
    labels: { agent: MANY, route: MANY },
  },
  {
    name: 'check_duration_seconds',
    kind: 'histogram',
    help: 'Time that a check took, waiting included',
    labels: { check: CHECKS },
    buckets: SECONDS,
  },
  {
    name: 'guard_duration_seconds',
    kind: 'histogram',
    help: 'Time that all checks of a guard took together',
    labels: { outcome: OUTCOMES },
    buckets: SECONDS,
  },
  {
    name: 'requests_total',
    kind: 'counter',
    help: 'Guarded requests that have ended, by class of status',
    labels: { status: STATUS_CLASSES },
  },
  {
    name: 'requests_aborted_total',
    kind: 'counter',
    help: 'Guarded requests whose client went away before the answer was complete',
    labels: {},
  },
  {
    name: 'key_expiry_timestamp_seconds',
    kind: 'gauge',
    help: 'When the key ends that an agent used last; not shown for keys without an end',
    labels: { agent: MANY },
  },
  {
    name: 'delegation_chain_depth',
    kind: 'histogram',
    help: 'Agents through whose hands the rights of allowed requests went',
    labels: {},
    buckets: [1, 2, 3, 4, 6, 8, 12, 16],
  },
  {
    name: 'capability_uses_total',
    kind: 'counter',
    help: 'Allowed requests by the capability used, as the route declares it',
    labels: { agent: MANY, capability: MANY },
  },
  {
    name: 'capability_first_used_timestamp_seconds',
    kind: 'gauge',
    help: 'When an agent first used a capability since this process began',
    labels: { agent: MANY, capability: MANY },
    combine: 'min',
  },
  {
    name: 'series_merged_total',
    kind: 'counter',
    help: 'Measurements put under other because there are too many series',
    labels: {},
  },
  {
    name: 'measurements_unknown_total',
    kind: 'counter',
    help: 'Measurements that no package has described',
    labels: {},
  },
  {
    name: 'build_info',
    kind: 'gauge',
    help: 'The version that is running',
    labels: { version: { atMost: 1 }, node: { atMost: 1 } },
  },
]
