import { type Dashboard, quantiles, rate, series, sumBy, topTen } from './panel.ts'

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
      part: 'delegation',
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
          title: 'Tokens refused',
          description: 'By code. token_binding_mismatch is a token that came without its key: it may have been stolen.',
          unit: 'reqps',
          noValue: 'none refused',
          queries: [{ expr: topTen('code', 'decisions_total', REFUSED), legend: '{{code}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Delegation depth',
          description: 'Through how many agents the rights of allowed requests went.',
          unit: 'none',
          queries: quantiles('delegation_chain_depth'),
        },
        {
          kind: 'timeseries',
          title: 'Tokens cached',
          description: 'Verified tokens in the memory of all processes.',
          unit: 'none',
          queries: [{ expr: sumBy('', series('remembered_tokens')), legend: 'remembered' }],
        },
        {
          kind: 'timeseries',
          title: 'Issuer lookups',
          description: 'Questions for issuers’ keys, status lists and introspection, by how they were answered.',
          unit: 'reqps',
          queries: [{ expr: topTen('document, result', 'issuer_cache_total'), legend: '{{document}} {{result}}' }],
        },
      ],
    },
    {
      title: 'Revocation',
      part: 'revocation',
      panels: [
        {
          kind: 'timeseries',
          title: 'Revocations applied',
          description: 'By what they end: a token, an agent, a key, a chain, everything of a user.',
          unit: 'cps',
          queries: [{ expr: sumBy('type', rate('revocations_applied_total')), legend: '{{type}}' }],
        },
        {
          kind: 'stat',
          title: 'Revocation feed silent for',
          description:
            'Since the feed of revocations was last heard. Unsafe requests get 503 when it is silent for too long.',
          unit: 's',
          thresholds: [30, 60],
          queries: [{ expr: `time() - min(${series('revocation_feed_heard_timestamp_seconds')})`, legend: 'silence' }],
        },
        {
          kind: 'stat',
          title: 'Revocations held',
          description: 'A full list refuses everything rather than forgetting one.',
          unit: 'none',
          queries: [{ expr: `max(${series('revocations')})`, legend: 'revocations' }],
        },
      ],
    },
    {
      title: 'Capabilities',
      part: 'capabilities',
      panels: [
        {
          kind: 'timeseries',
          title: 'Uses by capability',
          description: 'As routes declare them, such as dns:{zone}:write.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: topTen('capability', 'capability_uses_total'), legend: '{{capability}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Refused for want of a right',
          description: 'Missing scopes, limits that do not hold, approvals that are due, budgets used up.',
          unit: 'reqps',
          noValue: 'nothing refused',
          queries: [{ expr: topTen('code', 'decisions_total', LIMITED), legend: '{{code}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Budgets',
          noValue: 'no data: metrics of budgets are not switched on',
          description: 'Requests that a budget is counted for, by whether there was enough left.',
          unit: 'reqps',
          queries: [{ expr: sumBy('result', rate('budget_reservations_total')), legend: '{{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Idempotency keys',
          noValue: 'no data: metrics of idempotency keys are not switched on',
          description: 'answered are retries that got the first answer and were not executed again.',
          unit: 'reqps',
          queries: [{ expr: sumBy('result', rate('idempotent_requests_total')), legend: '{{result}}' }],
        },
      ],
    },
  ],
}
