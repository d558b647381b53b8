import type { AgentKey } from '@countermark/core'
import { createTestEnvironment } from '@countermark/testing'
import { registry } from '../src/index.ts'
import { json, registryOf, text } from './key-server.ts'
import { closeRemotes, KINDS, KNOWN, MINUTE, openRemote, servedKey } from './remote-under-test.ts'

afterEach(closeRemotes)

describe('an attacker with a key that was revoked', () => {
  it('cannot use it under another name of the same key', async () => {
    const { jwk } = servedKey('k1')
    const keys = [
      { id: 'compromised', jwk, state: 'revoked' },
      { id: 'k1', jwk },
    ]
    const { server } = await openRemote(KINDS.registry, [])
    server.answer = registryOf({ id: 'agt_a', keys })
    const source = registry(server.url, { allowHttp: true, allowPrivateAddresses: true })
    for (const query of [{ keyId: 'k1' }, KNOWN]) {
      const found = (await source.findKeys(query, createTestEnvironment())) as readonly AgentKey[]
      expect(found.map(({ state }) => state)).toEqual(['revoked'])
    }
  })

  it.each([
    ['of the key', { id: 'agt_a' }, { state: 'compromised' }],
    ['of the agent', { id: 'agt_a', state: 'banned' }, {}],
  ])('does not keep it because the registry has its own word for the state %s', async (_name, agent, state) => {
    const key = servedKey('k1')
    const remote = await openRemote(KINDS.registry, [key])
    await remote.find(KNOWN)
    remote.server.answer = registryOf({ ...agent, keys: [{ ...key, ...state }] })
    remote.clock.advance(5 * MINUTE)
    remote.find(KNOWN)
    await remote.fetched(2)
    const [found] = remote.find(KNOWN) as readonly AgentKey[]
    expect([found?.state, found?.agent.state]).not.toEqual(['active', 'active'])
  })

  it('cannot keep it by asking for what the registry answers with an error', async () => {
    const key = servedKey('k1')
    const remote = await openRemote(KINDS.registry, [key])
    await remote.find(KNOWN)
    const revoked = { ...key, state: 'revoked' }
    const revoking = registryOf({ id: 'agt_a', keys: [revoked] })
    const failing = text('<html>blocked by the firewall</html>', { 'content-type': 'text/html' }, 403)
    remote.server.answer = (request, response) => {
      const answer = request.url?.endsWith('/agt_a') === true ? revoking : failing
      answer(request, response)
    }
    remote.clock.advance(5 * MINUTE)
    for (let id = 0; id < 10; id++) await remote.idsOf({ agentId: `a/../${id}` })
    remote.find(KNOWN)
    await remote.fetched(12)
    expect(remote.find(KNOWN)).toMatchObject([{ state: 'revoked' }])
  })
})

describe('an attacker who may write into its own entry of the registry', () => {
  it('cannot fill the memory with it', async () => {
    const remote = await openRemote(KINDS.registry, [])
    const members = new Array(50_000).fill({})
    remote.server.answer = json({ id: 'agt_a', constraints: { members }, keys: [servedKey('k1')] })
    expect(await remote.find({ agentId: 'agt_a' })).toMatchObject([{ agent: { id: 'agt_a', state: 'suspended' } }])
    const [found] = (await remote.find({ agentId: 'agt_a' })) as readonly AgentKey[]
    expect(found?.agent).toEqual({ id: 'agt_a', state: 'suspended' })
  })
})
