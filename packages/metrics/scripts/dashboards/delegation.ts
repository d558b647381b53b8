import { type Dashboard, quantiles, rate, series, sumBy } from './panel.ts'

const REFUSED = 'code=~"token_.*|dpop_.*|actor_.*|chain_invalid|revocation_unavailable"'
const LIMITED = 'code=~"insufficient_scope|constraint_.*|approval_required|rate_limited|budget_store_unavailable"'

/** For whom agents act, what that allows, and what has been taken back. */
export const DELEGATION: Dashboard = {
  uid: 'countermark-delegation',
  title: 'countermark / Delegation and capabilities',
  description: 'For whom agents act, what that allows, and what has been taken back.',
  rows: [
    {
      title: 'Tokens',
      panels: [
        {
          kind: 'timeseries',
          title: 'Tokens',
          description: 'remembered ones were verified before and cost microseconds.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: sumBy('result', rate('delegation_tokens_total')), legend: '{{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Refusals of tokens',
          description: 'By code. token_binding_mismatch is a token without its key: somebody may have stolen it.',
          unit: 'reqps',
          noValue: 'none refused',
          queries: [{ expr: sumBy('code', rate('decisions_total', REFUSED)), legend: '{{code}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Depth of chains',
          description: 'Through how many hands the rights of allowed requests went.',
          unit: 'none',
          queries: quantiles('delegation_chain_depth'),
        },
        {
          kind: 'timeseries',
          title: 'Tokens remembered',
          description: 'Verified tokens in the memory of all processes.',
          unit: 'none',
          queries: [{ expr: sumBy('', series('remembered_tokens')), legend: 'remembered' }],
        },
        {
          kind: 'timeseries',
          title: 'Documents of issuers',
          description: 'Questions for issuers’ keys, status lists and introspection, by how they were answered.',
          unit: 'reqps',
          queries: [{ expr: sumBy('document, result', rate('issuer_cache_total')), legend: '{{document}} {{result}}' }],
        },
      ],
    },
    {
      title: 'Revocation',
      panels: [
        {
          kind: 'timeseries',
          title: 'Revocations taken over',
          description: 'By what they end: a token, an agent, a key, a chain, everything of a user.',
          unit: 'cps',
          queries: [{ expr: sumBy('type', rate('revocations_applied_total')), legend: '{{type}}' }],
        },
        {
          kind: 'stat',
          title: 'Silence of the feed',
          description:
            'Since the feed of revocations was last heard. Unsafe requests get 503 when it is silent for too long.',
          unit: 's',
          thresholds: [30, 60],
          queries: [{ expr: `time() - min(${series('revocation_feed_heard_timestamp_seconds')})`, legend: 'silence' }],
        },
        {
          kind: 'stat',
          title: 'Revocations remembered',
          description: 'A full list refuses everything rather than forgetting one.',
          unit: 'none',
          queries: [{ expr: `max(${series('revocations')})`, legend: 'revocations' }],
        },
      ],
    },
    {
      title: 'Capabilities',
      panels: [
        {
          kind: 'timeseries',
          title: 'Uses by capability',
          description: 'As routes declare them, such as dns:{zone}:write.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: sumBy('capability', rate('capability_uses_total')), legend: '{{capability}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Beyond what was granted',
          description: 'Missing scopes, limits that do not hold, approvals that are due, budgets used up.',
          unit: 'reqps',
          noValue: 'nothing refused',
          queries: [{ expr: sumBy('code', rate('decisions_total', LIMITED)), legend: '{{code}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Budgets',
          description: 'Requests that a budget is counted for, by whether there was enough left.',
          unit: 'reqps',
          queries: [{ expr: sumBy('result', rate('budget_reservations_total')), legend: '{{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Idempotency keys',
          description: 'answered are retries that got the first answer and were not executed again.',
          unit: 'reqps',
          queries: [{ expr: sumBy('result', rate('idempotent_requests_total')), legend: '{{result}}' }],
        },
      ],
    },
  ],
}
