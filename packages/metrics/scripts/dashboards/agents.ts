import { type Dashboard, increase, series, sumBy, topTen } from './panel.ts'

/** Who calls, who is refused, what they use, and whose keys end. */
export const AGENTS: Dashboard = {
  uid: 'countermark-agents',
  title: 'countermark / Agents',
  description: 'Who calls, who is refused, what they use, and whose keys end. Only registered agents have a name here.',
  rows: [
    {
      title: 'Traffic',
      part: 'guards',
      panels: [
        {
          kind: 'timeseries',
          title: 'Allowed by agent',
          description: 'unverified are callers who proved no identity, other are agents beyond the first hundred.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: topTen('agent', 'decisions_total', 'outcome="allow"'), legend: '{{agent}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Refused by agent',
          noValue: 'none refused',
          description:
            'For a refused signature: the agent whose key the request names, which need not be that agent’s doing.',
          unit: 'reqps',
          queries: [{ expr: topTen('agent', 'decisions_total', 'outcome="deny"'), legend: '{{agent}}' }],
        },
        {
          kind: 'table',
          title: 'Refusals of the last hour, by agent and code',
          description: 'Which agent is refused, and why.',
          noValue: 'none refused',
          unit: 'none',
          queries: [
            {
              expr: `topk(50, ${sumBy('agent, code', increase('decisions_total', 'code!="none"', '1h'))} > 0)`,
              legend: '{{agent}} {{code}}',
              instant: true,
            },
          ],
        },
      ],
    },
    {
      title: 'Signatures',
      part: 'guards',
      panels: [
        {
          kind: 'timeseries',
          title: 'Refused signatures by agent and endpoint',
          description: 'A key that leaked is tried somewhere; a broken deploy fails everywhere at once.',
          unit: 'reqps',
          queries: [{ expr: topTen('agent, route', 'signature_failures_total'), legend: '{{agent}} {{route}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Failed authentications by code',
          description: 'Why callers could not prove who they are.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: topTen('code', 'authentication_failures_total'), legend: '{{code}}' }],
        },
      ],
    },
    {
      title: 'Keys and capabilities',
      part: 'signatures or capabilities',
      panels: [
        {
          kind: 'table',
          title: 'Keys that expire next',
          noValue: 'no key in use has an end',
          description: 'Time until the key ends that an agent used last. Keys without an end are not listed.',
          unit: 's',
          thresholds: [604_800, 604_800],
          queries: [
            {
              expr: `sort(min by (agent) (${series('key_expiry_timestamp_seconds')}) - time())`,
              legend: '{{agent}}',
              instant: true,
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Capabilities by agent',
          noValue: 'no data: no capability was used yet, or metrics of capabilities are not switched on',
          description: 'Allowed requests by the capability that the route declares.',
          unit: 'reqps',
          queries: [
            {
              expr: topTen('agent, capability', 'capability_uses_total'),
              legend: '{{agent}} {{capability}}',
            },
          ],
        },
        {
          kind: 'table',
          title: 'Capabilities used for the first time',
          noValue: 'no data: no capability was used yet, or metrics of capabilities are not switched on',
          description: 'Time since an agent first used a capability, as far back as Prometheus remembers.',
          unit: 's',
          queries: [
            {
              expr: `bottomk(10, time() - min by (agent, capability) (min_over_time(${series('capability_first_used_timestamp_seconds')}[30d])))`,
              legend: '{{agent}} {{capability}}',
              instant: true,
            },
          ],
        },
      ],
    },
  ],
}
