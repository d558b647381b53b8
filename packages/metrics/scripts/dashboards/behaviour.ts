import { type Dashboard, increase, quantile, rate, series, sumBy, topTen } from './panel.ts'

const ABOVE = 'to!="allow"'
const LIMITED = 'level=~"throttle|read-only|approval|block"'

/** How agents behave, what that changed, and whether people hear of it. */
export const BEHAVIOUR: Dashboard = {
  uid: 'countermark-behaviour',
  title: 'countermark / Behaviour',
  description: 'How agents behave, what that changed, and whether people hear of it.',
  rows: [
    {
      title: 'Levels',
      part: 'assessRisk',
      panels: [
        {
          kind: 'stat',
          title: 'Agents at a level',
          description:
            'Agents that are slowed, limited or stopped now. A process that shares a store shows those it has seen.',
          unit: 'none',
          thresholds: [1, 5],
          noValue: '0',
          queries: [{ expr: `sum(max by (level) (${series('risk_agents', LIMITED)}))`, legend: 'agents' }],
        },
        {
          kind: 'stat',
          title: 'Blocked agents',
          description: 'Agents whose every request is refused until a person looked at them.',
          unit: 'none',
          thresholds: [1, 1],
          noValue: '0',
          queries: [{ expr: `max(${series('risk_agents', 'level="block"')})`, legend: 'blocked' }],
        },
        {
          kind: 'timeseries',
          title: 'Agents by level',
          description: 'Everything above allow is worth a look: npx countermark risk levels names the agents.',
          unit: 'none',
          stacked: true,
          queries: [{ expr: `max by (level) (${series('risk_agents', LIMITED)})`, legend: '{{level}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Downgrades',
          description: 'Changes to a stricter level or from one to another, by who made them: signals or a reviewer.',
          unit: 'cps',
          noValue: 'no level changed',
          queries: [{ expr: topTen('to, by', 'risk_level_changes_total', ABOVE), legend: '{{to}} by {{by}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Requests refused for behaviour',
          description: 'throttled have to wait a second, read_only wanted to change something, blocked may do nothing.',
          unit: 'reqps',
          stacked: true,
          noValue: 'none refused',
          queries: [{ expr: sumBy('answer', rate('risk_refusals_total')), legend: '{{answer}}' }],
        },
        {
          kind: 'timeseries',
          title: 'What enforcing would do',
          description: 'Requests that the learned baseline would answer at a higher level, while it only observes.',
          unit: 'reqps',
          noValue: 'nothing would change',
          queries: [{ expr: sumBy('level', rate('risk_would_be_total')), legend: '{{level}}' }],
        },
      ],
    },
    {
      title: 'Signals',
      part: 'assessRisk',
      panels: [
        {
          kind: 'timeseries',
          title: 'Signals by kind',
          description:
            'What counted against agents, deviations from their own past included. One alone leads no further than throttle.',
          unit: 'cps',
          noValue: 'no signal',
          queries: [{ expr: topTen('signal', 'risk_signals_total'), legend: '{{signal}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Scores',
          description: 'Scores of requests, 0 to 100: half, one in twenty and one in a hundred are above.',
          unit: 'none',
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: quantile(share, 'risk_score'),
            legend: `p${Math.round(share * 100)}`,
          })),
        },
        {
          kind: 'table',
          title: 'Changes of level of the last day',
          description: 'From which level to which, and by whom. The audit trail and risk show name the agents.',
          noValue: 'no level changed',
          unit: 'none',
          queries: [
            {
              expr: `${sumBy('from, to, by', increase('risk_level_changes_total', '', '1d'))} > 0`,
              legend: '{{from}} {{to}} {{by}}',
              instant: true,
            },
          ],
        },
      ],
    },
    {
      title: 'Alerts and the service',
      part: 'alerts or the risk service',
      panels: [
        {
          kind: 'timeseries',
          title: 'Alerts of levels',
          description: 'delivered were taken, retried failed and are sent again, lost reach no person.',
          unit: 'cps',
          queries: [{ expr: sumBy('result', rate('risk_alerts_total')), legend: '{{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'From a change to its alert',
          description: 'Half and nearly all of the alerts came within this time. Five seconds are the aim.',
          unit: 's',
          noValue: 'no alert was sent',
          queries: [0.5, 0.99].map((share) => ({
            expr: quantile(share, 'risk_alert_delay_seconds'),
            legend: `p${Math.round(share * 100)}`,
          })),
        },
        {
          kind: 'timeseries',
          title: 'Questions to the risk service',
          description:
            'answered in time, failed, or skipped because it failed before: then the fallback of the check holds.',
          unit: 'reqps',
          queries: [{ expr: sumBy('result', rate('risk_questions_total')), legend: '{{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Scores without a store',
          description: 'Requests for which the store of behaviour could not answer, by what held instead.',
          unit: 'reqps',
          noValue: 'every request was assessed',
          queries: [{ expr: sumBy('fallback', rate('risk_fallbacks_total')), legend: '{{fallback}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Events of guards',
          description: 'missing were lost on the way, known came twice, malformed are no events.',
          unit: 'cps',
          queries: [
            { expr: sumBy('source, result', rate('risk_service_events_total')), legend: '{{source}} {{result}}' },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Time for scores',
          description: 'How long the service took, its way not included. 20 ms are the aim.',
          unit: 's',
          queries: [{ expr: quantile(0.99, 'risk_service_duration_seconds'), legend: 'p99' }],
        },
      ],
    },
  ],
}
