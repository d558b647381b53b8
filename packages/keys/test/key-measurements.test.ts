import { json, text } from './key-server.ts'
import { closeRemotes, KINDS, KNOWN, MINUTE, openRemote, SECOND, servedKey, UNKNOWN } from './remote-under-test.ts'

afterEach(closeRemotes)

describe('what a source reports', () => {
  it('is each read of its cache, by result', async () => {
    const remote = await openRemote(KINDS.registry, [servedKey('k1')], { unknownPerMinute: 1 })
    const reads = (result: string): number =>
      remote.environment.observer.total('key_cache_total', { source: 'registry', result })
    await remote.find(KNOWN)
    await remote.find(KNOWN)
    remote.clock.advance(5 * MINUTE)
    await remote.find(KNOWN)
    await remote.idsOf({ agentId: 'agt_b' })
    await remote.idsOf({ agentId: 'agt_b' })
    await remote.idsOf({ agentId: 'agt_c' })
    expect(['miss', 'hit', 'stale', 'absent', 'over_budget'].map(reads)).toEqual([3, 1, 1, 1, 1])
  })

  it('is each fetch, by result, and whether the source is failing', async () => {
    const remote = await openRemote(KINDS.jwks, [servedKey('k1')], { name: 'partner' })
    const failing = (): unknown =>
      remote.environment.observer.measurements.findLast(({ name }) => name === 'key_source_failing')
    await remote.find(KNOWN)
    expect(failing()).toEqual({ name: 'key_source_failing', kind: 'gauge', value: 0, labels: { source: 'partner' } })
    remote.clock.advance(10 * SECOND)
    remote.server.answer = text('', {}, 500)
    await remote.idsOf(UNKNOWN)
    expect(failing()).toMatchObject({ value: 1 })
    const degraded = remote.source.metrics?.find(({ name }) => name === 'degraded')
    expect([degraded?.labels, degraded?.read?.()]).toEqual([{ dependency: ['keys'] }, 1])
    const total = (result: string): number =>
      remote.environment.observer.total('key_fetches_total', { source: 'partner', result })
    expect([total('ok'), total('status_refused')]).toEqual([1, 1])
  })

  it('is when keys were last fetched, and not when a fetch failed', async () => {
    const remote = await openRemote(KINDS.jwks, [servedKey('k1')])
    const fetchedAt = remote.clock.seconds()
    await remote.find(KNOWN)
    remote.clock.advance(10 * SECOND)
    remote.server.answer = text('', {}, 500)
    await remote.idsOf(UNKNOWN)
    const { measurements } = remote.environment.observer
    const times = measurements.filter(({ name }) => name === 'key_set_fetched_timestamp_seconds')
    expect(times.map(({ value }) => value)).toEqual([fetchedAt])
  })

  it('is each entry that it refused, by reason', async () => {
    const remote = await openRemote(KINDS.jwks, [])
    remote.server.answer = json({ keys: [7, { kty: 'oct' }, { ...servedKey('x').jwk, kid: 7 }, servedKey('k1').jwk] })
    await remote.find({ agentId: 'agt_a' })
    const refused = (reason: string): number =>
      remote.environment.observer.total('key_entries_refused_total', { source: 'jwks', reason })
    expect(['malformed', 'key_invalid', 'key_id_invalid'].map(refused)).toEqual([1, 1, 1])
  })

  it('never holds an id, a path or an address', async () => {
    const remote = await openRemote(KINDS.registry, [servedKey('k1')])
    for (const agentId of ['agt_a', 'agt_b', 'agt_c/d']) await remote.idsOf({ agentId, keyId: 'canary' })
    const labels = remote.environment.observer.measurements.flatMap(({ labels = {} }) => Object.entries(labels))
    expect(new Set(labels.map(([name]) => name))).toEqual(new Set(['source', 'result']))
    expect(JSON.stringify(labels)).not.toMatch(/agt_|canary|127|http/)
  })
})
