import { type Dashboard, rate, series, sumBy, topTen } from './panel.ts'

/** Where keys come from, how fresh they are, and whether each request is accepted once. */
export const KEYS: Dashboard = {
  uid: 'countermark-keys',
  title: 'countermark / Keys and replay',
  description: 'Where keys come from, how fresh they are, and whether each request is accepted once.',
  rows: [
    {
      title: 'Keys',
      part: 'keys',
      panels: [
        {
          kind: 'timeseries',
          title: 'Key lookups',
          description:
            'hit and stale are answered at once; miss waits for a fetch; absent and failing are remembered answers.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: topTen('source, result', 'key_cache_total'), legend: '{{source}} {{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Key fetches',
          description: 'Documents fetched, by how it went. One fetch serves all who wait for it.',
          unit: 'cps',
          queries: [
            {
              expr: topTen('source, result', 'key_fetches_total'),
              legend: '{{source}} {{result}}',
            },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Age of keys',
          description: 'Since the last fetch that worked. Known keys carry on for 24 hours without one.',
          unit: 's',
          queries: [
            { expr: `time() - min by (source) (${series('key_set_fetched_timestamp_seconds')})`, legend: '{{source}}' },
          ],
        },
        {
          kind: 'timeseries',
          title: 'Key sources failing',
          description: '1 while the last fetch of a source failed.',
          unit: 'none',
          queries: [{ expr: `max by (source) (${series('key_source_failing')})`, legend: '{{source}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Unusable keys',
          description: 'Entries of a document that cannot be used, by reason. One bad key takes no other along.',
          unit: 'cps',
          queries: [{ expr: sumBy('reason', rate('key_entries_refused_total')), legend: '{{reason}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Signatures verified',
          noValue: 'no data: metrics of signatures are not switched on',
          description:
            'Signatures verified at once on the event loop, or in the thread pool because many came together.',
          unit: 'ops',
          queries: [{ expr: sumBy('mode', rate('verifications_total')), legend: '{{mode}}' }],
        },
      ],
    },
    {
      title: 'Replay',
      part: 'a replay store',
      panels: [
        {
          kind: 'timeseries',
          title: 'Replay checks',
          description:
            'replayed were seen before; unproven are asked to sign a nonce; over_quota and full protect the store.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: topTen('store, result', 'replay_claims_total'), legend: '{{store}} {{result}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Nonces remembered',
          description: 'By the memory of each process. Redis counts its own.',
          unit: 'none',
          noValue: 'no store in memory',
          queries: [{ expr: `sum by (store) (${series('replay_claims_live')})`, legend: '{{store}}' }],
        },
        {
          kind: 'timeseries',
          title: 'Replay fences',
          description:
            'Times from which a store could not vouch for what came before: restarts, failovers, clocks that jumped.',
          unit: 'cps',
          queries: [{ expr: sumBy('store, reason', rate('replay_fences_total')), legend: '{{store}} {{reason}}' }],
        },
      ],
    },
  ],
}
