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
    const set = createKeySet([aKey(), aKey({ material: 1, agentId: 'agt_b' })])
    const owners = (agentId: string): unknown => set.find({ agentId, keyId: 'k' }).map((key) => key.agent.id)
    expect([owners('agt_a'), owners('agt_b'), owners('agt_c')]).toEqual([['agt_a'], ['agt_b'], []])
  })

  it('cannot be made to push a key aside by borrowing its thumbprint as a name', () => {
    const squatters = [1, 2, 3, 4, 5].map((material) => aKey({ material, agentId: 'agt_evil', keyId: thumbprint(0) }))
    const set = createKeySet([...squatters, aKey()])
    expect(set.find({ keyId: thumbprint(0) })[0]?.agent.id).toBe('agt_a')
  })

  it('holds a key revoked under all of its names', () => {
    const set = createKeySet([aKey({ keyId: 'old', state: 'revoked' }), aKey({ keyId: 'new' })])
    expect(set.find({ agentId: 'agt_a' }).map(({ state }) => state)).toEqual(['revoked', 'revoked'])
  })

  it('tries active keys before revoked ones, and the newest first', () => {
    const set = createKeySet([
      aKey({ keyId: 'revoked', state: 'revoked', notBefore: 9 }),
      aKey({ material: 1, keyId: 'timeless' }),
      aKey({ material: 2, keyId: 'older', notBefore: 1 }),
      aKey({ material: 3, keyId: 'newer', notBefore: 2 }),
    ])
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
        const found = createKeySet(keys).find(asked)
        expect(found).toHaveLength(keys.filter(isMatch).length)
        expect(found.every(isMatch)).toBe(true)
      }),
    )
  })
})
