import { generateKeyPairSync } from 'node:crypto'
import { type AgentKey, importPublicKey, isRefusal } from '../src/index.ts'
import { requireUsableKey, type Scheme } from '../src/internal.ts'

const IMPORTED = importPublicKey(generateKeyPairSync('ed25519').publicKey)
const NOW = 1_764_633_600

function codeOf(members: Partial<AgentKey>, scheme: Scheme | undefined = 'dpop'): unknown {
  const agent = { id: 'agt_a', state: 'active' } as const
  const open = { keyId: 'k', state: 'active', notBefore: undefined, notAfter: undefined, schemes: undefined } as const
  try {
    requireUsableKey({ ...IMPORTED, agent, ...open, ...members }, { scheme, nowMs: NOW * 1000 })
    return undefined
  } catch (error) {
    return isRefusal(error) ? error.code : error
  }
}

describe("an agent's key", () => {
  it.each([
    ['without limits', {}, undefined],
    ['in its first second', { notBefore: NOW }, undefined],
    ['in its last second', { notAfter: NOW }, undefined],
    ['for this use', { schemes: ['httpsig', 'dpop'] }, undefined],
    ['that was revoked', { state: 'revoked' }, 'key_revoked'],
    ['that begins later', { notBefore: NOW + 1 }, 'key_not_yet_valid'],
    ['that has ended', { notAfter: NOW - 1 }, 'key_expired'],
    ['whose end is no time', { notAfter: Number.NaN }, 'key_expired'],
    ['for another use', { schemes: ['httpsig'] }, 'key_invalid'],
    ['for no use', { schemes: [] }, 'key_invalid'],
    ['for simple-v0 beside this use', { schemes: ['simple-v0', 'dpop'] }, 'key_invalid'],
  ] as const)('%s is judged the same wherever it is used', (_name, members, code) => {
    expect(codeOf(members)).toBe(code)
  })

  it('without schemes is good for all of them but simple-v0', () => {
    expect([codeOf({}, 'simple-v0'), codeOf({ schemes: ['simple-v0'] }, 'simple-v0')]).toEqual([
      'key_invalid',
      undefined,
    ])
  })
})
