import { type AgentKey, type AgentRecord, Unavailable } from '@countermark/core'
import { agentKeyOf, createTestAgent, type TestAgent } from '@countermark/testing'
import type { VerifyDelegationOptions } from '../src/index.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller, signedBy } from './token-call.ts'
import type { Members } from './token-issuer.ts'

const { issuer } = useOneIssuer()
let agents: readonly TestAgent[]

beforeAll(async () => {
  agents = await Promise.all(['agt_buyer', 'agt_clerk'].map((agentId) => createTestAgent({ agentId })))
})

async function ask(
  claims: Members,
  known: readonly AgentKey[],
  input: Partial<Parameters<ReturnType<typeof createTokenCaller>['call']>[0]> = {},
  more: Partial<VerifyDelegationOptions> = {},
): Promise<unknown> {
  const source = {
    name: 'test',
    findKeys: ({ agentId }: { agentId?: string }) => known.filter((key) => key.agent.id === agentId),
  }
  const caller = createTokenCaller([issuer()], { agents: source, ...more })
  const result = await caller.call({ token: await issuer().mint(claims), ...input })
  return typeof result === 'string' ? result : result.agent.record
}

function keys(change: Partial<AgentRecord> = {}): readonly AgentKey[] {
  return agents.map((agent) => {
    const key = agentKeyOf(agent)
    return { ...key, agent: { ...key.agent, ...change } }
  })
}

const CHAIN = { act: { sub: 'agt_buyer', act: { sub: 'agt_clerk' } } }

describe('where agents must be known', () => {
  it('the record of the one that acts is at hand', async () => {
    expect(await ask({}, keys({ owner: 'ada@example.com' }))).toMatchObject({
      id: 'agt_buyer',
      owner: 'ada@example.com',
    })
  })

  it('an unknown one may not act, nor have had its hands on the token', async () => {
    expect(await ask({ act: { sub: 'agt_nobody' } }, keys())).toBe('actor_unauthorized')
    expect(await ask(CHAIN, keys())).toMatchObject({ id: 'agt_buyer' })
    expect(await ask({ act: { sub: 'agt_buyer', act: { sub: 'agt_nobody' } } }, keys())).toBe('actor_unauthorized')
    expect(await ask({ act: { sub: 'agt_buyer', act: { sub: 'agt_clerk', iss: 'https://x.example' } } }, keys())).toBe(
      'actor_unauthorized',
    )
  })

  it('an unknown one may act where that is said, and a suspended one still may not', async () => {
    const unknownAgents = 'accept'
    const stranger = { act: { sub: 'agt_nobody', act: { sub: 'agt_clerk' } } }
    expect(await ask(stranger, keys(), {}, { unknownAgents })).toEqual({ id: 'agt_nobody', state: 'active' })
    expect(await ask(stranger, keys({ state: 'suspended' }), {}, { unknownAgents })).toBe('agent_suspended')
  })

  it('a suspended one ends the chain', async () => {
    const [buyer, clerk] = keys()
    const suspended = { ...clerk, agent: { ...clerk?.agent, state: 'suspended' } } as AgentKey
    expect(await ask(CHAIN, [buyer as AgentKey, suspended])).toBe('agent_suspended')
    expect(await ask(CHAIN, keys({ state: 'retired' }))).toBe('agent_suspended')
  })

  it('the signer need not be looked up again, those before it must', async () => {
    const facts = signedBy('agt_buyer', 'k'.repeat(43))
    expect(await ask({}, [], { facts })).toMatchObject({ id: 'agt_buyer' })
    expect(await ask(CHAIN, [], { facts })).toBe('actor_unauthorized')
  })

  it('a source that answers with another agent knows none', async () => {
    const wrong = { name: 'test', findKeys: () => keys().slice(1) }
    const caller = createTokenCaller([issuer()], { agents: wrong })
    expect(await caller.codeOf({ token: await issuer().mint() })).toBe('actor_unauthorized')
  })

  it('a source that fails fails the request, and nothing else', async () => {
    const unhandled: unknown[] = []
    const listen = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', listen)
    const down = (): Promise<never> => Promise.reject(new Unavailable('key_source_unavailable', 'keys', 'down'))
    const caller = createTokenCaller([issuer()], { agents: { name: 'test', findKeys: down } })
    expect(await caller.codeOf({ token: await issuer().mint(CHAIN) })).toBe('key_source_unavailable')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })

  it('a source that answers later is waited for', async () => {
    const later = { name: 'test', findKeys: () => Promise.resolve(keys().slice(0, 1)) }
    const caller = createTokenCaller([issuer()], { agents: later })
    expect(await caller.codeOf({ token: await issuer().mint() })).toBe('accepted')
  })
})
