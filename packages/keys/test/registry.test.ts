import type { AgentKey } from '@countermark/core'
import { createTestEnvironment } from '@countermark/testing'
import { type RegistryOptions, registry } from '../src/index.ts'
import { json, type KeyServer, registryOf, startKeyServer, text } from './key-server.ts'
import { createPublicKey } from './public-key.ts'
import { closeRemotes, HOUR, KINDS, KNOWN, MINUTE, openRemote, servedKey } from './remote-under-test.ts'

afterEach(closeRemotes)

const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true } as const
let server: KeyServer

beforeEach(async () => {
  server = await startKeyServer(json({ agents: [] }))
})

afterEach(() => server.stop())

describe('a registry', () => {
  it.each([
    ['an agent', '', { agentId: 'agt_7f2k9x' }, '/agent-keys/agt_7f2k9x'],
    ['an agent and a key by the agent', '', { agentId: 'agt_a', keyId: 'k1' }, '/agent-keys/agt_a'],
    ['a key', '', { keyId: 'k1' }, '/agent-keys?keyid=k1'],
    [
      'a key called like a URL',
      '',
      { keyId: 'https://a/b?c#d&e=f' },
      '/agent-keys?keyid=https%3A%2F%2Fa%2Fb%3Fc%23d%26e%3Df',
    ],
    ['an agent called like a path', '', { agentId: 'a/../../etc' }, '/agent-keys/a%2F..%2F..%2Fetc'],
    ['an agent with a query kept', '?tenant=1', { agentId: 'agt_a' }, '/agent-keys/agt_a?tenant=1'],
    ['a key with a query kept', '?tenant=1', { keyId: 'k1' }, '/agent-keys?tenant=1&keyid=k1'],
    ['an agent below a slash', '/', { agentId: 'agt_a' }, '/agent-keys/agt_a'],
  ])('is asked for %s', async (_name, suffix, query, target) => {
    await registry(server.url + suffix, LOOPBACK).findKeys(query, createTestEnvironment())
    expect(server.asked).toEqual([target])
  })

  it('says who the agent is', async () => {
    const agent = { type: 'checkout', version: '2.3', owner: 'jane@example.com', capabilities: ['orders:read'] }
    server.answer = registryOf({ id: 'agt_a', state: 'suspended', ...agent, keys: [servedKey('k1')] })
    const [key] = await registry(server.url, LOOPBACK).findKeys(KNOWN, createTestEnvironment())
    expect((key as AgentKey).agent).toEqual({ id: 'agt_a', state: 'suspended', ...agent })
  })

  it('tells all agents that have a key of one id, where only the key is given', async () => {
    const agents = ['agt_a', 'agt_b'].map((id) => ({ id, keys: [servedKey('main'), servedKey('other')] }))
    server.answer = registryOf(...agents)
    const keys = await registry(server.url, LOOPBACK).findKeys({ keyId: 'main' }, createTestEnvironment())
    expect(keys.map(({ agent, keyId }) => [agent.id, keyId])).toEqual([
      ['agt_a', 'main'],
      ['agt_b', 'main'],
    ])
  })

  it.each([
    ['404 with JSON', json({}, {}, 404)],
    ['404 with a problem document', json({}, { 'content-type': 'application/problem+json' }, 404)],
    ['an empty list', json({ agents: [] })],
    ['the agent without keys', json({ agents: [{ id: 'agt_a', keys: [] }] })],
    [
      'only a key under which anybody can sign',
      json({ id: 'agt_a', keys: [{ raw: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' }] }),
    ],
  ])('knows no key when it answers %s', async (_name, answer) => {
    server.answer = answer
    expect(await registry(server.url, LOOPBACK).findKeys(KNOWN, createTestEnvironment())).toEqual([])
  })

  it('may speak only for the agents it is trusted with', async () => {
    server.answer = registryOf({ id: 'agt_a', keys: [servedKey('k1')] }, { id: 'partner/1', keys: [servedKey('p1')] })
    const source = registry(server.url, { ...LOOPBACK, agents: (id) => id.startsWith('partner/') })
    const environment = createTestEnvironment()
    expect(await source.findKeys(KNOWN, environment)).toEqual([])
    expect(await source.findKeys({ keyId: 'k1' }, environment)).toEqual([])
    expect(await source.findKeys({ agentId: 'partner/1' }, environment)).toHaveLength(1)
  })
})

describe('a registry that lies', () => {
  it('cannot answer with another agent than was asked for', async () => {
    server.answer = json({ agents: [{ id: 'agt_evil', keys: [servedKey('k1')] }] })
    const found = registry(server.url, LOOPBACK).findKeys(KNOWN, createTestEnvironment())
    await expect(found).rejects.toMatchObject({ code: 'key_source_unavailable', cause: { reason: 'malformed' } })
  })

  it('cannot slip in another agent beside the one asked for', async () => {
    server.answer = json({
      agents: [
        { id: 'agt_a', keys: [servedKey('k1')] },
        { id: 'agt_b', keys: [servedKey('k1')] },
      ],
    })
    const source = registry(server.url, LOOPBACK)
    const environment = createTestEnvironment()
    const keys = await source.findKeys(KNOWN, environment)
    expect(keys.map(({ agent }) => agent.id)).toEqual(['agt_a'])
    expect(environment.observer.total('key_entries_refused_total', { reason: 'agent_foreign' })).toBe(1)
  })

  it('cannot slip in another key beside the one asked for', async () => {
    server.answer = json({ agents: [{ id: 'agt_a', keys: [servedKey('k9'), servedKey('k8')] }] })
    expect(await registry(server.url, LOOPBACK).findKeys({ keyId: 'k1' }, createTestEnvironment())).toEqual([])
  })

  it('cannot make an agent forget its key by saying that there is none, once', async () => {
    const remote = await openRemote(KINDS.registry, [servedKey('k1')])
    await remote.find(KNOWN)
    remote.clock.advance(5 * MINUTE)
    remote.server.answer = json({ title: 'no such agent' }, {}, 404)
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(remote.find(KNOWN)).toMatchObject([{ keyId: 'k1' }])
    remote.clock.advance(MINUTE)
    remote.find(KNOWN)
    await remote.fetched(3)
    expect(remote.find(KNOWN)).toEqual([])
  })
})

describe('a public key that a second agent registers', () => {
  const key = { id: 'k1', jwk: createPublicKey().jwk }

  it('is refused when both are told in one answer', async () => {
    server.answer = json({ agents: ['agt_a', 'agt_b'].map((id) => ({ id, keys: [key] })) })
    expect(await registry(server.url, LOOPBACK).findKeys({ keyId: 'k1' }, createTestEnvironment())).toEqual([])
  })

  it('counts for the agent that what was signed names, whoever else lists it and whoever was asked for first', async () => {
    server.answer = registryOf({ id: 'agt_a', keys: [key] }, { id: 'agt_b', keys: [key, servedKey('own')] })
    const source = registry(server.url, LOOPBACK)
    const environment = createTestEnvironment()
    const idsOf = async (agentId: string, isAgentCovered: boolean): Promise<readonly string[]> =>
      (await source.findKeys({ agentId, isAgentCovered }, environment)).map(({ keyId }) => keyId)
    expect(await idsOf('agt_b', true)).toEqual(['k1', 'own'])
    expect(await idsOf('agt_a', true)).toEqual(['k1'])
    expect(await idsOf('agt_a', false)).toEqual([])
    expect(environment.observer.total('key_entries_refused_total', { reason: 'key_shared' })).toBe(1)
  })

  it('is refused to the second agent while the first has it, where neither is signed for', async () => {
    server.answer = registryOf({ id: 'agt_a', keys: [key] }, { id: 'agt_b', keys: [key, servedKey('own')] })
    const source = registry(server.url, LOOPBACK)
    const environment = createTestEnvironment()
    expect(await source.findKeys(KNOWN, environment)).toHaveLength(1)
    const others = await source.findKeys({ agentId: 'agt_b' }, environment)
    expect(others.map(({ keyId }) => keyId)).toEqual(['own'])
  })

  it('is given to the second agent once the first has let it go', async () => {
    const remote = await openRemote(KINDS.registry, [key])
    await remote.find(KNOWN)
    remote.server.answer = registryOf({ id: 'agt_a', keys: [servedKey('k2')] }, { id: 'agt_b', keys: [key] })
    remote.clock.advance(5 * MINUTE)
    remote.find(KNOWN)
    await remote.fetched(2)
    expect(await remote.idsOf({ agentId: 'agt_b' })).toEqual(['k1'])
  })

  it('stays with the first, however long nobody asks for it', async () => {
    const remote = await openRemote(KINDS.registry, [key])
    await remote.find(KNOWN)
    remote.server.answer = registryOf({ id: 'agt_b', keys: [key] })
    remote.clock.advance(23 * HOUR)
    expect(await remote.idsOf({ agentId: 'agt_b' })).toEqual([])
  })

  it('is given to the second once the registry no longer knows the first', async () => {
    const remote = await openRemote(KINDS.registry, [key])
    await remote.find(KNOWN)
    remote.server.answer = json({ agents: [] })
    for (const fetches of [2, 3]) {
      remote.clock.advance(5 * MINUTE)
      remote.find(KNOWN)
      await remote.fetched(fetches)
    }
    remote.server.answer = registryOf({ id: 'agt_b', keys: [key] })
    expect(await remote.idsOf({ agentId: 'agt_b' })).toEqual(['k1'])
  })
})

describe('the options of a remote source', () => {
  const open = (url: string, options: object): unknown => registry(url, options as RegistryOptions)

  it.each([
    ['http', 'http://registry.example.com/', {}, /allowHttp/],
    ['a private address', 'https://10.0.0.1/', {}, /allowPrivateAddresses/],
    ['credentials in the URL', 'https://a:b@registry.example.com/', {}, /credentials/],
    ['no URL', 'registry.example.com', {}, /absolute URL/],
    ['a port that is not listed', 'https://registry.example.com:8443/', { ports: [443] }, /port 8443/],
    ['a misspelt option', 'https://registry.example.com/', { refreshMs: 1 }, /refreshMs/],
    ['a time that is none', 'https://registry.example.com/', { refreshAfterMs: Number.NaN }, /refreshAfterMs/],
    ['a limit that is none', 'https://registry.example.com/', { maxBytes: '1' }, /maxBytes/],
    ['a name that is no label', 'https://registry.example.com/', { name: 'Ours!' }, /name/],
  ])('do not allow %s, and say so at the start', (_name, url, options, message) => {
    expect(() => open(url, options)).toThrow(expect.objectContaining({ name: 'Misconfigured' }))
    expect(() => open(url, options)).toThrow(message)
  })

  it('allow a port that the URL itself names', () => {
    expect(() => open('https://registry.example.com:8443/agents', {})).not.toThrow()
  })

  it('are the headers to send and the media types to take', async () => {
    server.answer = (request, response) => {
      if (request.headers.authorization !== 'Bearer x') return text('', {}, 401)(request, response)
      json({ agents: [{ id: 'agt_a', keys: [servedKey('k1')] }] }, { 'content-type': 'text/json' })(request, response)
    }
    const options = { ...LOOPBACK, headers: { authorization: 'Bearer x' }, contentTypes: ['text/json'] }
    expect(await registry(server.url, options).findKeys(KNOWN, createTestEnvironment())).toHaveLength(1)
  })

  it("are a user's own fetch, which then may reach what it likes", async () => {
    server.answer = json({ agents: [{ id: 'agt_a', keys: [servedKey('k1')] }] })
    const source = registry(server.url, { allowHttp: true, fetch })
    expect(await source.findKeys(KNOWN, createTestEnvironment())).toHaveLength(1)
  })
})
