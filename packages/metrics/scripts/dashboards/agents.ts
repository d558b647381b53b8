import { type Dashboard, rate, series, sumBy } from './panel.ts'

/** Who calls, who is refused, what they use, and whose keys end. */
export const AGENTS: Dashboard = {
  uid: 'countermark-agents',
  title: 'countermark / Agents',
  description: 'Who calls, who is refused, what they use, and whose keys end. Only registered agents have a name here.',
  rows: [
    {
      title: 'Traffic',
      panels: [
        {
          kind: 'timeseries',
          title: 'Allowed by agent',
          description: 'unverified are callers who proved no identity, other are agents beyond the first hundred.',
          unit: 'reqps',
          stacked: true,
          queries: [
            { expr: `topk(15, ${sumBy('agent', rate('decisions_total', 'outcome="allow"'))})`, legend: '{{agent}}' },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Refused by agent',
          description:
            'For a refused signature: the agent whose key the request names, which may be somebody else’s doing.',
          unit: 'reqps',
          queries: [
            { expr: `topk(15, ${sumBy('agent', rate('decisions_total', 'outcome="deny"'))})`, legend: '{{agent}}' },
          ],
        },
        {
          kind: 'table',
          title: 'Refusals of the last hour, by agent and code',
          description: 'Who is refused for what.',
          unit: 'none',
          queries: [
            {
              expr: `topk(50, sum by (agent, code) (increase(${series('decisions_total', 'code!="none"')}[1h])) > 0)`,
              legend: '{{agent}} {{code}}',
              instant: true,
            },
          ],
        },
      ],
    },
    {
      title: 'Signatures',
      panels: [
        {
          kind: 'timeseries',
          title: 'Refused signatures by agent and endpoint',
          description: 'A key that leaked is tried somewhere; a broken deploy fails everywhere at once.',
          unit: 'reqps',
          queries: [{ expr: sumBy('agent, route', rate('signature_failures_total')), legend: '{{agent}} {{route}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Failed authentications by code',
          description: 'Why callers could not prove who they are.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: sumBy('code', rate('authentication_failures_total')), legend: '{{code}}' }],
        },
      ],
    },
    {
      title: 'Keys and capabilities',
      panels: [
        {
          kind: 'table',
          title: 'Keys that end next',
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
          description: 'Allowed requests by the capability that the route declares.',
          unit: 'reqps',
          queries: [
            {
              expr: `topk(20, ${sumBy('agent, capability', rate('capability_uses_total'))})`,
              legend: '{{agent}} {{capability}}',
            },
          ],
        },
        {
          kind: 'table',
          title: 'Capabilities used for the first time',
          description: 'Time since an agent first used a capability, as far back as Prometheus remembers.',
          unit: 's',
          queries: [
            {
              expr: `bottomk(20, time() - min by (agent, capability) (min_over_time(${series('capability_first_used_timestamp_seconds')}[30d])))`,
              legend: '{{agent}} {{capability}}',
              instant: true,
            },
          ],
        },
      ],
    },
  ],
}
