import { DEFAULT_PREFIX } from '../dashboards/panel.ts'

/** One thing that a human should know. Its runbook is `docs/runbooks/<name>.md`. */
export interface Alert {
  readonly name: string
  readonly expr: string
  /** How long it must hold, so that one bad scrape alerts no one. @default at once */
  readonly for?: string
  /** `page` is for now, `ticket` waits for the morning. */
  readonly severity: 'page' | 'ticket'
  readonly summary: string
  readonly description: string
}

const m = (name: string, matchers = ''): string => `${DEFAULT_PREFIX}${name}${matchers === '' ? '' : `{${matchers}}`}`
const WEEK = 604_800
const CONFIG_ERRORS = m('decisions_total', 'code="config_error"')

/** All alerts, the urgent first. */
export const ALERTS: readonly Alert[] = [
  {
    name: 'CountermarkFailedAuthentications',
    expr: `sum by (job) (increase(${m('authentication_failures_total')}[1m])) > 10`,
    severity: 'page',
    summary: 'More than 10 failed authentications a minute at {{ $labels.job }}',
    description: '{{ $value | printf "%.0f" }} requests in a minute could not prove who sent them.',
  },
  {
    name: 'CountermarkSignatureFailures',
    expr: `sum by (job, agent, route) (increase(${m('signature_failures_total')}[5m])) > 5`,
    severity: 'ticket',
    summary: 'Signatures of {{ $labels.agent }} fail at {{ $labels.route }}',
    description: '{{ $value | printf "%.0f" }} signatures under a key of this agent were refused within 5 minutes.',
  },
  {
    name: 'CountermarkReplayBurst',
    expr: `sum by (job) (increase(${m('replay_claims_total', 'result="replayed"')}[1m])) > 20`,
    severity: 'page',
    summary: 'Requests are being replayed at {{ $labels.job }}',
    description: '{{ $value | printf "%.0f" }} requests in a minute had been seen before. All of them were refused.',
  },
  {
    name: 'CountermarkDependencyDown',
    // Keys have an alert of their own: known ones carry on for a day.
    expr: `max by (job, dependency) (${m('degraded', 'dependency!="keys"')}) == 1`,
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.dependency }} does not answer {{ $labels.job }}',
    description: 'What needs it is answered with 503, or from what is remembered, for as long as the runbook says.',
  },
  {
    name: 'CountermarkKeySourceFailing',
    expr: `max by (job, source) (${m('key_source_failing')}) == 1`,
    for: '2m',
    severity: 'ticket',
    summary: 'Keys cannot be fetched from {{ $labels.source }}',
    description: 'Known keys carry on for 24 hours. Agents whose keys are new get 503.',
  },
  {
    name: 'CountermarkRevocationStale',
    expr: `time() - min by (job) (${m('revocation_feed_heard_timestamp_seconds')}) > 60`,
    for: '1m',
    severity: 'page',
    summary: 'The feed of revocations is silent at {{ $labels.job }}',
    description:
      'Nothing was heard for {{ $value | humanizeDuration }}: what was revoked since is still accepted on safe routes.',
  },
  {
    name: 'CountermarkAuditSinkFailing',
    expr: `max by (job, sink) (${m('audit_sink_failing')}) == 1`,
    for: '1m',
    severity: 'page',
    summary: 'The audit sink {{ $labels.sink }} does not take records',
    description: 'While another sink writes, requests go on. Without one, unsafe requests get 503.',
  },
  {
    name: 'CountermarkAuditUnavailable',
    expr: `sum by (job) (increase(${m('audit_failures_total')}[5m])) > 0`,
    severity: 'page',
    summary: 'Decisions could not be recorded at {{ $labels.job }}',
    description: '{{ $value | printf "%.0f" }} decisions within 5 minutes. Unsafe ones were answered with 503.',
  },
  {
    name: 'CountermarkLatency',
    expr: `histogram_quantile(0.99, sum by (job, le) (rate(${m('guard_duration_seconds_bucket')}[5m]))) > 0.05`,
    for: '5m',
    severity: 'ticket',
    summary: 'Guards of {{ $labels.job }} are slow',
    description: 'One request in a hundred waits {{ $value | humanizeDuration }} or longer for its checks.',
  },
  {
    name: 'CountermarkShedding',
    expr: `sum by (job) (increase(${m('verifications_shed_total')}[1m])) > 0`,
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.job }} refuses requests for want of time',
    description: 'More signatures come than can be verified: a flood, or too few processes.',
  },
  {
    name: 'CountermarkVerifierDiffers',
    expr: `max by (job) (${m('ed25519_tables_given_up')}) == 1`,
    severity: 'page',
    summary: 'A verifier of {{ $labels.job }} was wrong about a signature',
    description: 'A table of an Ed25519 key said something else than node:crypto, which decides alone since then.',
  },
  {
    name: 'CountermarkConfigurationError',
    // The first one begins its series, which is no increase.
    expr: `sum by (job, route) (increase(${CONFIG_ERRORS}[5m]) > 0 or ${CONFIG_ERRORS} unless ${CONFIG_ERRORS} offset 5m) > 0`,
    severity: 'ticket',
    summary: 'A guard of {{ $labels.job }} is set up wrongly at {{ $labels.route }}',
    description: 'Callers get 500. The process warned with the fix when it happened first.',
  },
  {
    name: 'CountermarkKeyExpiresSoon',
    expr: `0 < min by (job, agent) (${m('key_expiry_timestamp_seconds')}) - time() < ${WEEK}`,
    severity: 'ticket',
    summary: 'The key of {{ $labels.agent }} ends soon',
    description: 'It ends in {{ $value | humanizeDuration }}; after that its requests get key_expired.',
  },
  {
    name: 'CountermarkNewCapabilityUsed',
    expr: `time() - min by (job, agent, capability) (min_over_time(${m('capability_first_used_timestamp_seconds')}[30d])) < 600`,
    severity: 'ticket',
    summary: '{{ $labels.agent }} used {{ $labels.capability }} for the first time',
    description:
      'It was granted, but not used within 30 days. Expected after a change of the agent, worth a look otherwise.',
  },
  {
    name: 'CountermarkReplayStoreEvicts',
    expr: `max by (job) (${m('replay_store_evicts')}) == 1`,
    severity: 'page',
    summary: 'Redis may forget nonces of {{ $labels.job }}',
    description: 'Its maxmemory-policy throws keys away when memory is short, and a forgotten nonce can be replayed.',
  },
  {
    name: 'CountermarkAgentBlocked',
    expr: `sum by (job) (increase(${m('risk_level_changes_total', 'to="block",by="signals"')}[5m])) > 0`,
    severity: 'page',
    summary: 'Signals stopped an agent at {{ $labels.job }}',
    description: 'Two kinds of signals or a proof say that it is not what it was. It waits for a person.',
  },
  {
    name: 'CountermarkAgentsSlowed',
    expr: `sum by (job) (increase(${m('risk_level_changes_total', 'to="throttle",by="signals"')}[10m])) > 10`,
    severity: 'ticket',
    summary: 'Many agents are slowed down at {{ $labels.job }}',
    description:
      '{{ $value | printf "%.0f" }} changes within 10 minutes. A release or a promotion that was not announced looks like this.',
  },
  {
    name: 'CountermarkRiskAlertsLost',
    expr: `sum by (job) (increase(${m('risk_alerts_total', 'result="lost"')}[10m])) > 0`,
    severity: 'page',
    summary: 'Alerts of changed levels are lost at {{ $labels.job }}',
    description: '{{ $value | printf "%.0f" }} changes of level within 10 minutes reached no person.',
  },
  {
    name: 'CountermarkRiskEventsMissing',
    expr: `sum by (job) (increase(${m('risk_service_events_total', 'result="missing"')}[10m])) > 100`,
    severity: 'ticket',
    summary: 'The risk service of {{ $labels.job }} does not hear everything',
    description:
      '{{ $value | printf "%.0f" }} events were lost on their way within 10 minutes: behaviour is judged by less than happened.',
  },
]

/** Where runbooks are as they are installed; `--runbooks URL` of the generator writes where people read them. */
export const DEFAULT_RUNBOOKS = 'node_modules/@countermark/metrics/runbooks'

/** The rule file, before it is YAML. */
export function toAlertRules(alerts: readonly Alert[]): object {
  const rules = alerts.map(({ name, expr, for: duration, severity, summary, description }) => ({
    alert: name,
    expr,
    ...(duration === undefined ? {} : { for: duration }),
    labels: { severity, service: 'countermark' },
    annotations: { summary, description, runbook_url: `${DEFAULT_RUNBOOKS}/${name}.md` },
  }))
  return { groups: [{ name: 'countermark-alerts', rules }] }
}
