import { json, registryOf, text, until } from './key-server.ts'
import { closeRemotes, KINDS, KNOWN, MINUTE, openRemote, SECOND, servedKey, UNKNOWN } from './remote-under-test.ts'

afterEach(closeRemotes)

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `unknown-${index}`)

describe.each(['jwks', 'registry'] as const)('a flood of unknown key ids of a known agent (%s)', (kind) => {
  it('leads to one fetch', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    await remote.find(KNOWN)
    remote.clock.advance(10 * SECOND)
    const found = await Promise.all(names(10_000).map((keyId) => remote.find({ agentId: 'agt_a', keyId })))
    expect(found.every((keys) => keys.length === 0)).toBe(true)
    expect(remote.server.asked).toHaveLength(2)
  })

  it('leads to one fetch in half a minute, however long it lasts', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    await remote.find(KNOWN)
    for (let second = 0; second < 120; second++) {
      remote.clock.advance(SECOND)
      await Promise.all(names(20).map((keyId) => remote.idsOf({ agentId: 'agt_a', keyId: `${second} ${keyId}` })))
    }
    expect(remote.server.asked.length - 1).toBeLessThanOrEqual(4)
  })

  it('does not make the known key wait, not even while that fetch hangs', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')], { deadlineMs: 200 })
    await remote.find(KNOWN)
    remote.clock.advance(10 * SECOND)
    remote.server.answer = () => {}
    const flood = names(100).map((keyId) => remote.idsOf({ agentId: 'agt_a', keyId }))
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['key_source_unavailable']))
  })

  it('does not starve a key that is rotated meanwhile: it is known within half a minute', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    await remote.find(KNOWN)
    remote.clock.advance(10 * SECOND)
    await Promise.all(names(100).map((keyId) => remote.idsOf({ agentId: 'agt_a', keyId })))
    remote.server.answer = KINDS[kind].publish(servedKey('k1'), servedKey('k2'))
    expect(await remote.idsOf(UNKNOWN)).toEqual([])
    for (let second = 0; second < 30; second++) {
      remote.clock.advance(SECOND)
      await Promise.all(names(10).map((keyId) => remote.idsOf({ agentId: 'agt_a', keyId: `${second} ${keyId}` })))
    }
    expect(await remote.idsOf(UNKNOWN)).toEqual(['k2'])
  })

  it('of ids that no key can have reaches nobody', async () => {
    const remote = await openRemote(KINDS[kind], [servedKey('k1')])
    for (const keyId of ['', '\u0000', 'a'.repeat(257), 'a'.repeat(100_000), 'é']) {
      expect(remote.find({ keyId })).toEqual([])
      expect(remote.find({ agentId: keyId })).toEqual([])
    }
    expect(remote.server.asked).toEqual([])
  })
})

describe('a set that is empty', () => {
  it('is asked for at most twice in a minute by a thousand requests', async () => {
    const remote = await openRemote(KINDS.jwks, [])
    for (let request = 0; request < 1_000; request++) {
      expect(await remote.idsOf({ agentId: 'agt_a', keyId: `${request}` })).toEqual([])
      remote.clock.advance(60)
    }
    expect(remote.server.asked.length).toBeLessThanOrEqual(2)
  })
})

describe('a flood of unknown agents and keys', () => {
  it.each([
    ['agents', (name: string) => ({ agentId: name })],
    ['key ids', (name: string) => ({ keyId: name })],
    ['both', (name: string) => ({ agentId: name, keyId: name })],
  ])('spends a budget: %s', async (_name, queryOf) => {
    const remote = await openRemote(KINDS.registry, [servedKey('k1')], { unknownPerMinute: 20 })
    await remote.find(KNOWN)
    const answers = await Promise.all(names(1_000).map((name) => remote.idsOf(queryOf(name))))
    expect(remote.server.asked).toHaveLength(21)
    expect(answers.filter((answer) => answer === 'key_source_unavailable')).toHaveLength(980)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
  })

  it('does not keep a known agent from being renewed or from rotating', async () => {
    const remote = await openRemote(KINDS.registry, [servedKey('k1')])
    await remote.find(KNOWN)
    const flood = (): Promise<unknown> => Promise.all(names(1_000).map((agentId) => remote.idsOf({ agentId })))
    await flood()
    remote.server.answer = registryOf({ id: 'agt_a', keys: [servedKey('k1'), servedKey('k2')] })
    remote.clock.advance(SECOND)
    expect(await remote.idsOf(UNKNOWN)).toEqual(['k2'])
    remote.server.answer = registryOf({ id: 'agt_a', keys: [servedKey('k3')] })
    remote.clock.advance(5 * MINUTE)
    await flood()
    remote.find(KNOWN)
    await until(() => remote.server.asked.filter((target) => target === '/agent-keys/agt_a').length === 3)
    await until(() => (remote.find({ agentId: 'agt_a', keyId: 'k3' }) as readonly unknown[]).length === 1)
  })

  it('remembers for a minute that there is nobody', async () => {
    const remote = await openRemote(KINDS.registry, [])
    expect(await remote.idsOf({ agentId: 'agt_nobody' })).toEqual([])
    expect(remote.find({ agentId: 'agt_nobody' })).toEqual([])
    remote.clock.advance(MINUTE)
    expect(await remote.idsOf({ agentId: 'agt_nobody' })).toEqual([])
    expect(remote.server.asked).toHaveLength(2)
  })

  it('cannot be told from a cold start only by agents that exist: hundreds of them are found', async () => {
    const remote = await openRemote(KINDS.registry, [])
    const keys = new Map(names(300).map((name) => [name, servedKey('k1')]))
    remote.server.answer = (request, response) => {
      const id = request.url?.split('/')[2] ?? ''
      json({
        agents: [
          { id, keys: [] },
          { id, keys: [keys.get(id)] },
        ],
      })(request, response)
    }
    const found = await Promise.all(names(300).map((agentId) => remote.idsOf({ agentId })))
    expect(found.every((ids) => Array.isArray(ids) && ids[0] === 'k1')).toBe(true)
    expect(remote.server.asked).toHaveLength(300)
  })

  it('does not hammer a registry that is down, whatever is asked for', async () => {
    const remote = await openRemote(KINDS.registry, [])
    remote.server.answer = text('', {}, 500)
    for (let second = 0; second < 60; second++) {
      await Promise.all(names(20).map((name) => remote.idsOf({ agentId: `${name}-${second}` })))
      remote.clock.advance(SECOND)
    }
    expect(remote.server.asked.length).toBeLessThanOrEqual(30)
  })
})
