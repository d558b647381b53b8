import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { parseRegistryDocument } from '../src/registry/registry-document.ts'
import { createPublicKey, SMALL_ORDER_JWK } from './public-key.ts'

const RULES = { allowTestKeys: false, agents: () => true, maxKeys: 50 }
const KEY = createPublicKey()

function parse(value: unknown): ReturnType<typeof parseRegistryDocument> {
  return parseRegistryDocument(value, RULES)
}

function parseKey(key: unknown): ReturnType<typeof parseRegistryDocument> {
  return parse({ agents: [{ id: 'agt_a', keys: [key] }] })
}

describe('a registry document', () => {
  it('is read as its documentation shows it', () => {
    const page = readFileSync(resolve(__dirname, '../../../docs/protocol/registry-document.md'), 'utf8')
    const [long, short] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text))
    const { keys, refused } = parse(long)
    expect(refused).toEqual([])
    expect(keys.map(({ keyId, notBefore, notAfter, schemes }) => [keyId, notBefore, notAfter, schemes])).toEqual([
      ['2026-12', 1_764_547_200, undefined, undefined],
      ['2026-11', undefined, 1_764_633_600, ['httpsig', 'simple-v1']],
    ])
    const { keys: _, ...agent } = long.agents[0]
    expect(keys[0]?.agent).toEqual(agent)
    expect(parse(short).keys[0]?.agent).toEqual({
      id: 'agent-code-reviewer-01',
      state: 'active',
      capabilities: ['repo:read'],
    })
  })

  it.each([
    ['a JWK', { jwk: KEY.jwk }],
    ['PEM', { pem: KEY.pem }],
    ['32 bytes in base64', { raw: KEY.raw }],
    ['32 bytes in base64url', { raw: KEY.jwk['x'] }],
  ])('holds a key as %s', (_form, material) => {
    expect(parseKey(material).keys.map(({ thumbprint, keyId }) => [thumbprint, keyId])).toEqual([
      [KEY.thumbprint, KEY.thumbprint],
    ])
  })

  it('may be one agent alone', () => {
    expect(parse({ id: 'agt_a', keys: [{ jwk: KEY.jwk }] }).keys).toHaveLength(1)
  })

  it.each([KEY.jwk, KEY.pem, KEY.raw])('may be the short form with a public_key of any form', (publicKey) => {
    expect(parse({ agent_id: 'agt_a', public_key: publicKey }).keys[0]?.thumbprint).toBe(KEY.thumbprint)
  })

  it('names a key by its id, the kid of its JWK, or its thumbprint, in this order', () => {
    const jwk = { ...KEY.jwk, kid: 'from-jwk' }
    expect(parseKey({ id: 'own', jwk }).keys[0]?.keyId).toBe('own')
    expect(parseKey({ jwk }).keys[0]?.keyId).toBe('from-jwk')
    expect(parseKey({ jwk: KEY.jwk }).keys[0]?.keyId).toBe(KEY.thumbprint)
  })

  it('keeps revoked keys and the keys of suspended agents, so that they are refused by name', () => {
    const { keys } = parse({ id: 'agt_a', state: 'suspended', keys: [{ jwk: KEY.jwk, state: 'revoked' }] })
    expect(keys[0]).toMatchObject({ state: 'revoked', agent: { state: 'suspended' } })
  })

  it('takes a state it does not know for the strictest', () => {
    const { keys } = parse({ id: 'agt_a', state: 'staged', keys: [{ jwk: KEY.jwk, state: 'compromised' }] })
    expect(keys[0]).toMatchObject({ state: 'revoked', agent: { state: 'suspended' } })
  })

  it('drops words of schemes that it does not know, which never widens what a key may do', () => {
    expect(parseKey({ jwk: KEY.jwk, schemes: ['carrier-pigeon', 'action'] }).keys[0]?.schemes).toEqual(['action'])
    expect(parseKey({ jwk: KEY.jwk, schemes: ['carrier-pigeon'] }).keys[0]?.schemes).toEqual([])
  })

  it('may state times in milliseconds, which are read as such', () => {
    const key = { jwk: KEY.jwk, notBefore: 1764547200_999, notAfter: 1764633600_999 }
    const { keys } = parse({ id: 'agt_a', keys: [key] })
    expect(keys).toMatchObject([{ notBefore: 1764547200, notAfter: 1764633600 }])
  })

  it('may state null for what it leaves out', () => {
    const key = { id: null, jwk: KEY.jwk, notBefore: null, notAfter: null, state: null, schemes: null, algorithm: null }
    const agent = { id: 'agt_a', state: null, type: null, version: null, owner: null, capabilities: null, keys: [key] }
    expect(parse({ agents: [agent] }).keys).toHaveLength(1)
  })

  it.each([
    ['no material', {}, 'malformed'],
    ['two materials', { jwk: KEY.jwk, raw: KEY.raw }, 'malformed'],
    ['a text for a JWK', { jwk: KEY.raw }, 'malformed'],
    ['PEM for raw bytes', { raw: KEY.pem }, 'malformed'],
    ['raw bytes for PEM', { pem: KEY.raw }, 'malformed'],
    ['no object', 'k1', 'malformed'],
    ['a state that is no text', { jwk: KEY.jwk, state: true }, 'malformed'],
    ['a time as text', { jwk: KEY.jwk, notAfter: '1764633600' }, 'malformed'],
    ['a time before time', { jwk: KEY.jwk, notBefore: -1 }, 'malformed'],
    ['a time that is no integer', { jwk: KEY.jwk, notBefore: 1.5 }, 'malformed'],
    ['a time in microseconds', { jwk: KEY.jwk, notAfter: 1764633600000000 }, 'malformed'],
    ['a time beyond all numbers', { jwk: KEY.jwk, notAfter: Number.POSITIVE_INFINITY }, 'malformed'],
    ['one scheme for a list', { jwk: KEY.jwk, schemes: 'httpsig' }, 'malformed'],
    ['an unknown algorithm', { jwk: KEY.jwk, algorithm: 'hmac-sha256' }, 'malformed'],
    ['an algorithm of another type', { jwk: KEY.jwk, algorithm: 'rsa-pss-sha512' }, 'key_invalid'],
    ['an algorithm like a prototype member', { jwk: KEY.jwk, algorithm: '__proto__' }, 'malformed'],
    ['an id that is no text', { id: 7, jwk: KEY.jwk }, 'key_id_invalid'],
    ['an id too long', { id: 'a'.repeat(257), jwk: KEY.jwk }, 'key_id_invalid'],
    ['an id with control characters', { id: 'a\nb', jwk: KEY.jwk }, 'key_id_invalid'],
    ['a key under which anybody can sign', { jwk: SMALL_ORDER_JWK }, 'key_invalid'],
    ['31 bytes', { raw: Buffer.alloc(31, 1).toString('base64') }, 'key_invalid'],
    ['a private key', { jwk: { ...KEY.jwk, d: KEY.jwk['x'] } }, 'key_invalid'],
  ])('has a key refused that has %s', (_name, key, reason) => {
    const agents = [{ id: 'agt_a', state: 'active' }]
    expect(parseKey(key)).toMatchObject({ agents, keys: [], refused: [reason] })
  })

  it.each([
    ['no id', {}],
    ['a bad id', { id: '../agt' }],
    ['an id that is no text', { id: ['agt_a'] }],
  ])('has an agent refused that has %s, and keeps the others', (_name, agent) => {
    const good = { id: 'agt_good', keys: [{ jwk: createPublicKey().jwk }] }
    const { agents, keys, refused } = parse({ agents: [{ ...agent, keys: [{ jwk: KEY.jwk }] }, null, good] })
    expect(refused).toEqual(['malformed', 'malformed'])
    expect(agents.map(({ id }) => id)).toEqual(['agt_good'])
    expect(keys.map((key) => key.agent.id)).toEqual(['agt_good'])
  })

  it.each([
    ['a state that is no text', { id: 'agt_a', state: 1 }],
    ['an owner that is no text', { id: 'agt_a', owner: { name: 'jane' } }],
    ['an endless version', { id: 'agt_a', version: '1'.repeat(257) }],
    ['capabilities that are no list', { id: 'agt_a', capabilities: 'repo:read' }],
    ['capabilities that are no texts', { id: 'agt_a', capabilities: [1] }],
    ['constraints that are no object', { id: 'agt_a', constraints: ['max_amount'] }],
    ['endless constraints', { id: 'agt_a', constraints: { any: new Array(4_096).fill(0) } }],
    ['too many capabilities', { id: 'agt_a', capabilities: Array.from({ length: 257 }, () => 'a') }],
  ])('suspends an agent that has %s, and counts it', (_name, agent) => {
    const { agents, keys, refused } = parse({ agents: [{ ...agent, keys: [{ jwk: KEY.jwk }] }] })
    expect([agents, refused]).toEqual([[{ id: 'agt_a', state: 'suspended' }], ['malformed']])
    expect(keys).toMatchObject([{ thumbprint: KEY.thumbprint, agent: { id: 'agt_a', state: 'suspended' } }])
  })

  it.each([
    ['without keys', {}],
    ['with no keys', { keys: [] }],
    ['with keys that are no list', { keys: 'k1' }],
    ['with a key that cannot be used', { keys: [{ jwk: SMALL_ORDER_JWK }] }],
  ])('knows an agent %s', (_name, members) => {
    const agent = { id: 'agt_a', state: 'suspended', capabilities: ['orders:read'], constraints: { max_amount: 5 } }
    expect(parse({ ...agent, ...members })).toMatchObject({ agents: [agent], keys: [] })
  })

  it('suspends an agent that is listed twice by different words', () => {
    const entries = [
      { id: 'agt_a', constraints: { max_amount: 5 } },
      { id: 'agt_a', keys: [{ jwk: KEY.jwk }] },
    ]
    expect(parse({ agents: entries }).keys[0]?.agent).toEqual({ id: 'agt_a', state: 'suspended' })
  })

  it('says which keys two agents claim', () => {
    const agents = ['agt_a', 'agt_b'].map((id) => ({ id, keys: [{ id: 'k', raw: KEY.raw }] }))
    const { shared, refused } = parse({ agents })
    expect([[...shared], refused]).toEqual([[KEY.thumbprint], ['key_shared', 'key_shared']])
  })

  it('speaks only for the agents it may speak for', () => {
    const agents = ['agt_a', 'other'].map((id) => ({ id, keys: [{ jwk: createPublicKey().jwk }] }))
    const document = parseRegistryDocument({ agents }, { ...RULES, agents: (id) => id.startsWith('agt_') })
    expect(document.keys.map((key) => key.agent.id)).toEqual(['agt_a'])
    expect(document.refused).toEqual(['agent_foreign'])
  })

  it('is refused whole with more keys than it may hold', () => {
    const keys = Array.from({ length: 51 }, () => ({ jwk: KEY.jwk }))
    expect(() => parse({ id: 'agt_a', keys })).toThrow(expect.objectContaining({ reason: 'too_large' }))
    expect(parse({ id: 'agt_a', keys: keys.slice(1) }).keys).toHaveLength(50)
  })

  it.each([null, [], 7, 'x', {}, { agents: {} }, { agents: 'x' }, { keys: [] }])('is not %j', (value) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ reason: 'malformed' }))
  })

  it('believes no prototype', () => {
    Object.defineProperty(Object.prototype, 'state', { value: 'revoked', configurable: true })
    Object.defineProperty(Object.prototype, 'schemes', { value: ['simple-v0'], configurable: true })
    try {
      expect(parseKey({ jwk: KEY.jwk }).keys[0]).toMatchObject({ state: 'active', schemes: undefined })
    } finally {
      Reflect.deleteProperty(Object.prototype, 'state')
      Reflect.deleteProperty(Object.prototype, 'schemes')
    }
  })

  it('changes nothing besides itself', () => {
    const text =
      '{"agents":[{"id":"agt_a","__proto__":{"state":"retired"},"keys":[{"raw":"x","__proto__":{"id":"y"}}]}]}'
    parse(JSON.parse(text))
    expect(({} as { state?: unknown }).state).toBeUndefined()
  })

  it('is read or refused by name, whatever it is', () => {
    const agents = fc.array(fc.oneof(fc.jsonValue(), fc.record({ id: fc.string(), keys: fc.array(fc.jsonValue()) })))
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ agents })), (value) => {
        expect(outcomeOf(() => parse(value).keys)).toMatch(/^(?:\[\]|OutboundError)$/)
      }),
    )
  })
})

/** What it returns, as text, or the name of what it throws. */
function outcomeOf(read: () => unknown): string {
  try {
    return JSON.stringify(read())
  } catch (error) {
    return error instanceof Error ? error.name : 'not an error'
  }
}

const VECTORS = resolve(__dirname, '../../../../shared/conformance/crypto/key-registration.json')

interface Vector {
  readonly name: string
  readonly input: { readonly jwk: unknown }
  readonly expected: { readonly register: 'accept' | 'refuse' }
}

if (existsSync(VECTORS)) {
  const cases: readonly Vector[] = JSON.parse(readFileSync(VECTORS, 'utf8')).cases
  it.each(cases.map((entry) => [entry.name, entry] as const))('key registration: %s', (_name, { input, expected }) => {
    const { keys } = parseRegistryDocument({ id: 'agt_a', keys: [input] }, { ...RULES, allowTestKeys: true })
    expect(keys.length).toBe(expected.register === 'accept' ? 1 : 0)
  })
} else {
  process.stderr.write('passed over: the vectors of key registration are not here\n')
}
