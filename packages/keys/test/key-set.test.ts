import { type AgentKey, importPublicKey } from '@countermark/core'
import fc from 'fast-check'
import { createKeySet } from '../src/key-set.ts'
import { createPublicKey } from './public-key.ts'

const MATERIAL = Array.from({ length: 6 }, () => importPublicKey(createPublicKey().jwk))

function aKey(overrides: Partial<AgentKey> & { readonly material?: number; readonly agentId?: string } = {}): AgentKey {
  const { material = 0, agentId = 'agt_a', ...rest } = overrides
  const fixed = { keyId: 'k', state: 'active', notBefore: undefined, notAfter: undefined, schemes: undefined } as const
  const imported = MATERIAL[material] as (typeof MATERIAL)[number]
  return { ...imported, ...fixed, agent: { id: agentId, state: 'active' }, ...rest }
}

const thumbprint = (material: number): string => MATERIAL[material]?.thumbprint ?? ''

describe('a key set', () => {
  it('keeps equal key ids of different agents apart', () => {
    const set = createKeySet({ keys: [aKey(), aKey({ material: 1, agentId: 'agt_b' })] })
    const owners = (agentId: string): unknown => set.find({ agentId, keyId: 'k' }).map((key) => key.agent.id)
    expect([owners('agt_a'), owners('agt_b'), owners('agt_c')]).toEqual([['agt_a'], ['agt_b'], []])
  })

  it('cannot be made to push a key aside by borrowing its thumbprint as a name', () => {
    const squatters = [1, 2, 3, 4, 5].map((material) => aKey({ material, agentId: 'agt_evil', keyId: thumbprint(0) }))
    const set = createKeySet({ keys: [...squatters, aKey()] })
    expect(set.find({ keyId: thumbprint(0) })[0]?.agent.id).toBe('agt_a')
  })

  it('holds a key revoked under all of its names', () => {
    const set = createKeySet({ keys: [aKey({ keyId: 'old', state: 'revoked' }), aKey({ keyId: 'new' })] })
    expect(set.find({ agentId: 'agt_a' }).map(({ state }) => state)).toEqual(['revoked', 'revoked'])
  })

  it('holds a key that one agent revoked to be that of another all the same', () => {
    const set = createKeySet({ keys: [aKey({ state: 'revoked', agentId: 'agt_evil' }), aKey()] })
    expect(set.find({ agentId: 'agt_a', isAgentCovered: true })).toMatchObject([{ state: 'active' }])
  })

  it('finds a key that several agents list only where the agent is named and signed for', () => {
    const keys = [aKey(), aKey({ agentId: 'agt_evil' })]
    const set = createKeySet({ keys, shared: new Set([thumbprint(0)]) })
    const owners = (query: object): unknown => set.find({ keyId: 'k', ...query }).map((key) => key.agent.id)
    expect([owners({}), owners({ agentId: 'agt_a' })]).toEqual([[], []])
    expect(owners({ agentId: 'agt_a', isAgentCovered: true })).toEqual(['agt_a'])
  })

  it('cannot be crowded out of by agents that choose the same key id', () => {
    const others = [1, 2, 3, 4, 5].map((material) => aKey({ material, agentId: `agt_${material}` }))
    expect(createKeySet({ keys: [...others, aKey()] }).find({ keyId: 'k' })).toHaveLength(6)
  })

  it('knows an agent without a key', () => {
    const agents = [{ id: 'agt_b', state: 'suspended' as const }]
    const set = createKeySet({ keys: [aKey()], agents })
    expect([set.findAgent('agt_a')?.state, set.findAgent('agt_b')?.state]).toEqual(['active', 'suspended'])
    expect([set.findAgent('agt_c'), set.findAgent('__proto__')]).toEqual([undefined, undefined])
  })

  it('tries active keys before revoked ones, and the newest first', () => {
    const keys = [
      aKey({ keyId: 'revoked', state: 'revoked', notBefore: 9 }),
      aKey({ material: 1, keyId: 'timeless' }),
      aKey({ material: 2, keyId: 'older', notBefore: 1 }),
      aKey({ material: 3, keyId: 'newer', notBefore: 2 }),
    ]
    const set = createKeySet({ keys })
    expect(set.find({ agentId: 'agt_a' }).map(({ keyId }) => keyId)).toEqual(['newer', 'older', 'timeless', 'revoked'])
  })

  it('answers like a search through all keys', () => {
    const id = fc.constantFrom('agt_a', 'agt_b', '__proto__')
    const keyId = fc.constantFrom('k', 'constructor', thumbprint(0), thumbprint(1))
    const key = fc.record({ material: fc.nat(5), agentId: id, keyId }).map(aKey)
    const query = fc.record({ agentId: id, keyId }, { requiredKeys: [] })
    fc.assert(
      fc.property(fc.array(key, { maxLength: 4 }), query, (keys, asked) => {
        const isMatch = ({ agent, keyId, thumbprint }: AgentKey): boolean =>
          (asked.agentId === undefined || agent.id === asked.agentId) &&
          (asked.keyId === undefined || [keyId, thumbprint].includes(asked.keyId)) &&
          Object.keys(asked).length > 0
        const found = createKeySet({ keys }).find(asked)
        expect(found).toHaveLength(keys.filter(isMatch).length)
        expect(found.every(isMatch)).toBe(true)
      }),
    )
  })
})
