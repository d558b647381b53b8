import { type Dashboard, quantile, quantiles, rate, series, sumBy, topTen } from './panel.ts'

const DENIED = sumBy('', rate('decisions_total', 'outcome="deny"'))
const ALL = sumBy('', rate('decisions_total'))

/** What passes, what is refused and why, how long it takes, what does not work. */
export const OVERVIEW: Dashboard = {
  uid: 'countermark-overview',
  title: 'countermark / Overview',
  description: 'What passes, what is refused and why, how long it takes, and what does not work.',
  rows: [
    {
      title: 'Now',
      part: 'guards',
      panels: [
        {
          kind: 'stat',
          title: 'Decisions',
          description: 'Decisions of all guards, a second.',
          unit: 'reqps',
          queries: [{ expr: ALL, legend: 'decisions' }],
        },
        {
          kind: 'stat',
          title: 'Refused',
          description:
            'The share of decisions that refused. A jump after a deploy of agents is theirs, after one of ours is ours.',
          unit: 'percentunit',
          thresholds: [0.05, 0.25],
          noValue: '0 %',
          queries: [{ expr: `${DENIED} / ${ALL}`, legend: 'refused' }],
        },
        {
          kind: 'stat',
          title: 'Failed authentications',
          description: 'Refusals of callers who did not prove who they are, a minute. More than 10 alert.',
          unit: 'cpm',
          thresholds: [5, 10],
          queries: [{ expr: `60 * ${sumBy('', rate('authentication_failures_total'))}`, legend: 'a minute' }],
        },
        {
          kind: 'stat',
          title: 'Dependencies down',
          description: 'Dependencies that do not answer as they should.',
          unit: 'none',
          thresholds: [1, 1],
          noValue: '0',
          queries: [{ expr: `sum(max by (dependency) (${series('degraded')}))`, legend: 'down' }],
        },
        {
          kind: 'stat',
          title: 'Guard, p99',
          description: 'Time that all checks of a guard take together, waiting included.',
          unit: 's',
          thresholds: [0.02, 0.05],
          queries: [{ expr: quantile(0.99, 'guard_duration_seconds'), legend: 'p99' }],
        },
        {
          kind: 'stat',
          title: 'Audit records',
          noValue: 'no data: metrics of an audit trail are not switched on',
          description: 'Records that a sink has made durable, a second.',
          unit: 'cps',
          queries: [{ expr: sumBy('', rate('audit_records_total', 'result="written"')), legend: 'written' }],
        },
      ],
    },
    {
      title: 'Decisions',
      part: 'guards',
      panels: [
        {
          kind: 'timeseries',
          title: 'Decisions by outcome',
          description: 'observe is a refusal that was let pass because its guard only observes.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: sumBy('outcome', rate('decisions_total')), legend: '{{outcome}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Refusals by code',
          description:
            'Why requests were refused. Each code has a heading in docs/refusals.md that says who should act.',
          unit: 'reqps',
          stacked: true,
          noValue: 'none refused',
          queries: [{ expr: topTen('code', 'decisions_total', 'code!="none"'), legend: '{{code}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Refusals by route',
          description: 'Which endpoints refuse. A template, never a path.',
          unit: 'reqps',
          queries: [{ expr: topTen('route', 'decisions_total', 'outcome="deny"'), legend: '{{route}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Answers by class of status',
          description: 'How guarded requests ended, and how many callers went away before.',
          unit: 'reqps',
          queries: [
            { expr: sumBy('status', rate('requests_total')), legend: '{{status}}' },
            { expr: sumBy('', rate('requests_aborted_total')), legend: 'aborted' },
          ],
        },
      ],
    },
    {
      title: 'Health',
      part: 'guards',
      panels: [
        {
          kind: 'timeseries',
          title: 'Dependencies that do not answer',
          description: '1 while keys, issuers, replay store, budgets, revocations or idempotency keys cannot be asked.',
          unit: 'none',
          queries: [{ expr: `max by (dependency) (${series('degraded')})`, legend: '{{dependency}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Load shed',
          noValue: 'no data: metrics of signatures and tokens are not switched on',
          description: 'Requests refused because too many signatures or tokens were waiting already.',
          unit: 'reqps',
          queries: [
            { expr: sumBy('', rate('verifications_shed_total')), legend: 'signatures' },
            { expr: sumBy('', rate('delegation_tokens_total', 'result="overloaded"')), legend: 'tokens' },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Audit records by sink',
          noValue: 'no data: metrics of an audit trail are not switched on',
          description: 'Records by sink and what became of them. Without a sink that writes, unsafe requests get 503.',
          unit: 'cps',
          queries: [
            { expr: sumBy('sink, result', rate('audit_records_total')), legend: '{{sink}} {{result}}' },
            { expr: sumBy('', rate('audit_failures_total')), legend: 'not recorded' },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Audit backlog',
          noValue: 'no data: metrics of an audit trail are not switched on',
          description: 'Records that a sink has not taken yet. It grows while a sink is slow or down.',
          unit: 'none',
          queries: [{ expr: `sum by (sink) (${series('audit_queue_records')})`, legend: '{{sink}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Internal failures',
          description:
            'A guard that failed, an observer that threw, a challenge that could not be written. None of it should occur.',
          unit: 'cps',
          queries: [
            { expr: sumBy('', rate('guard_failures_total')), legend: 'guard' },
            { expr: sumBy('', rate('observer_failures_total')), legend: 'observer' },
            { expr: `${sumBy('', rate('challenge_failures_total'))} or vector(0)`, legend: 'challenge' },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Series merged into other',
          description:
            'More agents, routes or series came than are told apart. Raise the limits, or look who made them.',
          unit: 'cps',
          queries: [{ expr: sumBy('', rate('series_merged_total')), legend: 'merged' }],
        },
      ],
    },
    {
      title: 'Time',
      part: 'guards',
      panels: [
        {
          kind: 'timeseries',
          title: 'Time in guards',
          description: 'Time that all checks of a guard take together.',
          unit: 's',
          queries: quantiles('guard_duration_seconds'),
        },
        {
          kind: 'timeseries',
          title: 'Time in each check, p99',
          description:
            'Which check takes the time. A remembered token takes microseconds, a signature a fraction of a millisecond.',
          unit: 's',
          queries: [{ expr: quantile(0.99, 'check_duration_seconds', 'check'), legend: '{{check}}' }],
        },
      ],
    },
  ],
}
