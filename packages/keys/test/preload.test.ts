import type { AgentKey, KeyQuery } from '@countermark/core'
import { registry } from '../src/index.ts'
import { json, type RegisteredAgent, registryOf, text, until } from './key-server.ts'
import {
  closeRemotes,
  KINDS,
  KNOWN,
  MINUTE,
  openRemote,
  type RemoteUnderTest,
  SECOND,
  servedKey,
} from './remote-under-test.ts'

afterEach(closeRemotes)

const ALL = '/agent-keys'
const PRELOADING = {
  ...KINDS.registry,
  open: (url: string, options: object) => registry(url, { ...options, preload: true }),
}

type Agent = RegisteredAgent

/** A registry that also answers with all of its agents. */
function serve(remote: RemoteUnderTest, ...agents: readonly Agent[]): void {
  const single = registryOf(...agents)
  remote.server.answer = (request, response) =>
    request.url === ALL ? json({ agents })(request, response) : single(request, response)
}

function agents(count: number): readonly Agent[] {
  return Array.from({ length: count }, (_, index) => ({ id: `agt_${index}`, keys: [servedKey(`k${index}`)] }))
}

async function openPreloading(...listed: readonly Agent[]): Promise<RemoteUnderTest> {
  const remote = await openRemote(PRELOADING, [])
  serve(remote, ...listed)
  return remote
}

const first = async (remote: RemoteUnderTest, query: KeyQuery): Promise<AgentKey | undefined> =>
  ((await remote.find(query)) as readonly AgentKey[])[0]

describe('a registry that is preloaded', () => {
  it('knows all of its agents after one fetch, by their ids and by those of their keys', async () => {
    const remote = await openPreloading(...agents(250))
    expect(await first(remote, { agentId: 'agt_0' })).toMatchObject({ keyId: 'k0' })
    expect(remote.find({ agentId: 'agt_249', keyId: 'k249' })).toMatchObject([{ agent: { id: 'agt_249' } }])
    expect(remote.find({ keyId: 'k100' })).toMatchObject([{ agent: { id: 'agt_100' } }])
    expect(remote.server.asked).toEqual([ALL])
  })

  it('serves all of them under any flood', async () => {
    const remote = await openPreloading(...agents(60))
    await remote.find({ agentId: 'agt_0' })
    await Promise.all(Array.from({ length: 2_000 }, (_, index) => remote.idsOf({ agentId: `invented_${index}` })))
    for (let index = 0; index < 60; index++) expect(remote.find({ agentId: `agt_${index}` })).toHaveLength(1)
  })

  it('is still asked for an agent that the document does not list', async () => {
    const remote = await openPreloading(...agents(1))
    await remote.find({ agentId: 'agt_0' })
    serve(remote, ...agents(1), { id: 'agt_new', keys: [servedKey('new')] })
    expect(await remote.idsOf({ agentId: 'agt_new' })).toEqual(['new'])
    expect(remote.server.asked).toEqual([ALL, `${ALL}/agt_new`])
  })

  it('is asked for the new key of an agent that it lists', async () => {
    const [agent] = agents(1) as [Agent]
    const remote = await openPreloading(agent)
    await remote.find({ agentId: 'agt_0' })
    serve(remote, { ...agent, keys: [...agent.keys, servedKey('rotated')] })
    expect(await remote.idsOf({ agentId: 'agt_0', keyId: 'rotated' })).toEqual(['rotated'])
  })

  it('is fetched again before each agent would be', async () => {
    const remote = await openPreloading({ id: 'agt_a', keys: [servedKey('k1')] })
    await remote.find(KNOWN)
    serve(remote, { id: 'agt_a', state: 'suspended', keys: [servedKey('k1')] })
    remote.clock.advance(4 * MINUTE + 15 * SECOND)
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(await first(remote, KNOWN)).toMatchObject({ agent: { state: 'suspended' } })
    expect(remote.server.asked).toEqual([ALL, ALL])
  })

  it('knows agents without a key, and suspends those that are listed by different words', async () => {
    const twice = { id: 'agt_b', capabilities: ['orders:read'], keys: [] }
    const between = agents(150)
    const { keys } = agents(1)[0] as Agent
    const remote = await openPreloading(
      { id: 'agt_a', state: 'suspended', keys: [] },
      { id: 'agt_b', keys },
      ...between,
      twice,
    )
    await remote.find({ agentId: 'agt_a' })
    const find = (agentId: string): unknown => remote.source.findAgent?.({ agentId }, remote.environment)
    expect([find('agt_a'), find('agt_b')]).toMatchObject([{ state: 'suspended' }, { state: 'suspended' }])
    expect(remote.find({ agentId: 'agt_b' })).toMatchObject([{ agent: { state: 'suspended' } }])
  })

  it.each([
    ['is down', text('', {}, 500)],
    ['lists none', json({ agents: [] })],
    ['is no document', json([])],
  ])('is asked for one agent at a time while the document of all %s', async (_name, answer) => {
    const remote = await openPreloading()
    const single = registryOf({ id: 'agt_a', keys: [servedKey('k1')] })
    remote.server.answer = (request, response) => (request.url === ALL ? answer : single)(request, response)
    expect(await remote.idsOf(KNOWN)).toEqual(['k1'])
    expect(remote.find(KNOWN)).toHaveLength(1)
    expect(remote.server.asked).toEqual([ALL, `${ALL}/agt_a`])
    remote.clock.advance(SECOND)
    remote.find(KNOWN)
    await until(() => remote.server.asked.length === 3)
  })

  it('does not bring back what was revoked while it was fetched', async () => {
    const remote = await openPreloading({ id: 'agt_a', keys: [servedKey('k1')] })
    const answer = remote.server.answer
    const held: (() => void)[] = []
    remote.server.answer = (request, response) => void held.push(() => answer(request, response))
    const found = remote.find(KNOWN)
    await until(() => held.length === 1)
    remote.source.forget?.({ agentId: 'agt_a' })
    serve(remote, { id: 'agt_a', state: 'suspended', keys: [servedKey('k1')] })
    held[0]?.()
    expect(await found).toMatchObject([{ agent: { state: 'suspended' } }])
  })

  it('takes true and false', async () => {
    expect(() => registry('https://registry.example.com/', { preload: 'false' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })
})
