import { FAULTS } from './faults.ts'
import { json, text } from './key-server.ts'
import {
  closeRemotes,
  HOUR,
  KINDS,
  KNOWN,
  MINUTE,
  openRemote,
  type RemoteUnderTest,
  SECOND,
  servedKey,
  UNKNOWN,
} from './remote-under-test.ts'

const unhandled: unknown[] = []
const note = (reason: unknown): number => unhandled.push(reason)

beforeAll(() => void process.on('unhandledRejection', note))
afterEach(closeRemotes)
afterAll(() => {
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

/** A source that knows k1, and whose next read renews it. */
async function warm(kind: keyof typeof KINDS): Promise<RemoteUnderTest> {
  const remote = await openRemote(KINDS[kind], [servedKey('k1')], { deadlineMs: 200 })
  await remote.find(KNOWN)
  remote.clock.advance(5 * MINUTE)
  return remote
}

describe.each(['jwks', 'registry'] as const)('a %s endpoint', (kind) => {
  describe.each(FAULTS)('that %s', (_name, answer, result) => {
    it('costs a caller whose key is known nothing, not even waiting', async () => {
      const remote = await warm(kind)
      remote.server.answer = answer
      expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
      await remote.fetched(2)
      expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
      expect(remote.environment.observer.total('key_fetches_total', { source: kind, result })).toBe(1)
    })

    it('makes an unknown key unavailable, not unknown', async () => {
      const remote = await warm(kind)
      remote.server.answer = answer
      expect(await remote.idsOf(UNKNOWN)).toBe('key_source_unavailable')
      expect(await remote.idsOf(KNOWN)).toEqual(['k1'])
    })

    it('is unavailable within the deadline when nothing is known, and then at once', async () => {
      const remote = await openRemote(KINDS[kind], [], { deadlineMs: 200 })
      remote.server.answer = answer
      const before = performance.now()
      await expect(remote.find(KNOWN)).rejects.toMatchObject({
        ...{ code: 'key_source_unavailable', dependency: 'keys', retryAfterSeconds: 1 },
        cause: { reason: result },
      })
      expect(performance.now() - before).toBeLessThan(3_000)
      const asked = remote.server.asked.length
      const again = performance.now()
      expect(await remote.idsOf(KNOWN)).toBe('key_source_unavailable')
      expect(performance.now() - again).toBeLessThan(50)
      expect(remote.server.asked).toHaveLength(asked)
    })

    it('recovers by itself', async () => {
      const remote = await warm(kind)
      const good = KINDS[kind].publish(servedKey('k1'), servedKey('k2'))
      remote.server.answer = answer
      remote.find(KNOWN)
      await remote.fetched(2)
      remote.server.answer = good
      remote.clock.advance(MINUTE)
      remote.find(KNOWN)
      await remote.fetched(3)
      expect(remote.find(UNKNOWN)).toMatchObject([{ keyId: 'k2' }])
    })
  })

  it('that is down serves known keys for 24 hours without delay, then is unavailable', async () => {
    const remote = await warm(kind)
    await remote.server.stop()
    remote.find(KNOWN)
    await remote.fetched(2)
    for (let hour = 0; hour < 23; hour++) {
      expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
      await remote.fetched(remote.fetches())
      remote.clock.advance(HOUR)
    }
    remote.clock.advance(HOUR)
    expect(await remote.idsOf(KNOWN)).toBe('key_source_unavailable')
  })

  it('that comes back after an outage of a minute is asked within the next minute', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    await remote.server.stop()
    for (let second = 0; second < 60; second++) {
      expect(await remote.idsOf(KNOWN)).toBe('key_source_unavailable')
      remote.clock.advance(SECOND)
    }
    expect(remote.fetches()).toBeLessThanOrEqual(4)
    await remote.server.start()
    remote.clock.advance(MINUTE)
    expect(await remote.idsOf(KNOWN)).toEqual(['k1'])
  })

  it('that fails is asked at most four times in a minute by a thousand requests', async () => {
    const remote = await warm(kind)
    remote.server.answer = text('', {}, 500)
    const asked = remote.server.asked.length
    for (let request = 0; request < 1_000; request++) {
      const query = request % 2 === 0 ? KNOWN : { ...KNOWN, keyId: `unknown-${request}` }
      expect(await remote.idsOf(query)).toEqual(request % 2 === 0 ? ['k1'] : 'key_source_unavailable')
      remote.clock.advance(60)
    }
    expect(remote.server.asked.length - asked).toBeLessThanOrEqual(4)
  })

  it('that rotates its keys is believed on the first request with the new one', async () => {
    const remote = await warm(kind)
    const [old, fresh] = [servedKey('k1'), servedKey('k2')]
    remote.server.answer = KINDS[kind].publish(old, fresh)
    expect(await remote.idsOf(UNKNOWN)).toEqual(['k2'])
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    remote.server.answer = KINDS[kind].publish(fresh)
    remote.clock.advance(5 * MINUTE)
    remote.find(KNOWN)
    await remote.fetched(3)
    expect(remote.find(UNKNOWN)).toMatchObject([{ keyId: 'k2' }])
    expect(await remote.idsOf(KNOWN)).toEqual([])
  })

  it('that no longer lists a key is believed the first time', async () => {
    const remote = await warm(kind)
    remote.server.answer = KINDS[kind].publish(servedKey('k3'))
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(remote.find({ agentId: 'agt_a', keyId: 'k3' })).toMatchObject([{ keyId: 'k3' }])
    expect(await remote.idsOf(KNOWN)).toEqual([])
  })

  it('that lists no key at all is believed the second time', async () => {
    const remote = await warm(kind)
    remote.server.answer = json({ keys: [], agents: [] })
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    remote.clock.advance(30 * SECOND)
    remote.find(KNOWN)
    await remote.fetched(3)
    expect(remote.find(KNOWN)).toEqual([])
  })

  it('that listed no key once by mistake has lost nothing', async () => {
    const remote = await warm(kind)
    const good = remote.server.answer
    remote.server.answer = json({ keys: [], agents: [] })
    remote.find(KNOWN)
    await remote.fetched(2)
    remote.server.answer = good
    remote.clock.advance(30 * SECOND)
    remote.find(KNOWN)
    await remote.fetched(3)
    remote.server.answer = json({ keys: [], agents: [] })
    remote.clock.advance(5 * MINUTE)
    remote.find(KNOWN)
    await remote.fetched(4)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
  })

  it('whose keys are all damaged has lost nothing', async () => {
    const remote = await warm(kind)
    remote.server.answer = KINDS[kind].publish({ id: 'k1', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AQAB' } })
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    expect(remote.environment.observer.total('key_entries_refused_total', { reason: 'key_invalid' })).toBe(1)
  })

  it('whose one document is damaged only in part loses that part', async () => {
    const remote = await warm(kind)
    remote.server.answer = KINDS[kind].publish(servedKey('k3'), { id: 'k1', jwk: {} })
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(await remote.idsOf(KNOWN)).toEqual([])
    expect(remote.find({ agentId: 'agt_a', keyId: 'k3' })).toMatchObject([{ keyId: 'k3' }])
  })

  it('may hold fifty keys and not one more', async () => {
    const remote = await openRemote(
      KINDS[kind],
      Array.from({ length: 50 }, (_, index) => servedKey(`k${index}`)),
    )
    expect(await remote.idsOf({ agentId: 'agt_a' })).toHaveLength(50)
    const tooMany = await openRemote(
      KINDS[kind],
      Array.from({ length: 51 }, (_, index) => servedKey(`k${index}`)),
    )
    await expect(tooMany.find(KNOWN)).rejects.toMatchObject({ cause: { reason: 'too_large' } })
  })

  it('is asked once for a hundred concurrent requests', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    const found = await Promise.all(Array.from({ length: 100 }, () => remote.find(KNOWN)))
    expect(new Set(found.map((keys) => keys[0]?.keyId))).toEqual(new Set(['k1']))
    expect(remote.server.asked).toHaveLength(1)
  })

  it('hands on how long to wait, within reason', async () => {
    const remote = await openRemote(KINDS[kind], [])
    remote.server.answer = text('', { 'retry-after': '99999' }, 503)
    await expect(remote.find(KNOWN)).rejects.toMatchObject({ retryAfterSeconds: 60 })
  })

  it('is not asked once the source is closed', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    await remote.source.close?.()
    await expect(remote.find(KNOWN)).rejects.toMatchObject({ cause: { reason: 'closed' } })
    expect(remote.server.asked).toEqual([])
  })

  it('does not notice somebody setting the clock', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    await remote.find(KNOWN)
    remote.clock.adjustWall(-HOUR)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    remote.clock.adjustWall(48 * HOUR)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    expect(remote.server.asked).toHaveLength(1)
  })
})
