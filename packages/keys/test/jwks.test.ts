import { createTestEnvironment } from '@countermark/testing'
import { type JwksOptions, jwks } from '../src/index.ts'
import { json, type KeyServer, startKeyServer } from './key-server.ts'
import { createPublicKey } from './public-key.ts'

const LOOPBACK = { agent: 'agt_a', allowHttp: true, allowPrivateAddresses: true } as const
let server: KeyServer

beforeEach(async () => {
  server = await startKeyServer(json({ keys: [] }))
})

afterEach(() => server.stop())

async function idsOf(...keys: readonly unknown[]): Promise<readonly string[]> {
  server.answer = json({ keys })
  const found = await jwks(server.url, LOOPBACK).findKeys({ agentId: 'agt_a' }, createTestEnvironment())
  return found.map(({ keyId }) => keyId)
}

describe('jwks', () => {
  const { jwk } = createPublicKey()

  it('takes the media type of key sets', async () => {
    server.answer = json({ keys: [jwk] }, { 'content-type': 'application/jwk-set+json' })
    expect(await jwks(server.url, LOOPBACK).findKeys({ agentId: 'agt_a' }, createTestEnvironment())).toHaveLength(1)
  })

  it('does not ask for other agents', () => {
    const source = jwks(server.url, LOOPBACK)
    expect(source.findKeys({ agentId: 'agt_b', keyId: 'k1' }, createTestEnvironment())).toEqual([])
    expect(server.asked).toEqual([])
  })

  it('says what was stated of the agent', async () => {
    server.answer = json({ keys: [jwk] })
    const source = jwks(server.url, { ...LOOPBACK, agent: { id: 'agt_a', owner: 'jane@example.com' } })
    const [key] = await source.findKeys({ agentId: 'agt_a' }, createTestEnvironment())
    expect(key?.agent).toEqual({ id: 'agt_a', owner: 'jane@example.com', state: 'active' })
  })

  it('knows its agent without asking, also while the set is empty', () => {
    const source = jwks(server.url, { ...LOOPBACK, agent: { id: 'agt_a', state: 'suspended' } })
    expect(source.findAgent?.({ agentId: 'agt_a' }, createTestEnvironment())).toMatchObject({ state: 'suspended' })
    expect(source.findAgent?.({ agentId: 'agt_b' }, createTestEnvironment())).toBeUndefined()
    expect(server.asked).toEqual([])
  })

  it('forgets its set when the agent or one of its keys was revoked', async () => {
    server.answer = json({ keys: [{ ...jwk, kid: 'k1' }] })
    const source = jwks(server.url, LOOPBACK)
    const environment = createTestEnvironment()
    await source.findKeys({ keyId: 'k1' }, environment)
    source.forget?.({ agentId: 'agt_b' })
    await source.findKeys({ keyId: 'k1' }, environment)
    expect(server.asked).toHaveLength(1)
    source.forget?.({ agentId: 'agt_a' })
    await source.findKeys({ keyId: 'k1' }, environment)
    expect(server.asked).toHaveLength(2)
  })

  it.each(['EdDSA', 'Ed25519', 'ed25519'])('takes %s for the same algorithm', async (alg) => {
    expect(await idsOf({ ...jwk, kid: 'k1', alg })).toEqual(['k1'])
  })

  it.each([
    ['a kid that is no text', { kid: 7 }],
    ['a kid too long', { kid: 'a'.repeat(257) }],
    ['a kid with control characters', { kid: 'a\u0000' }],
    ['a start that is no time', { nbf: 'now' }],
    ['an end that is no time', { exp: {} }],
    ['another use', { use: 'enc' }],
    ['an algorithm that shares secrets', { alg: 'HS256' }],
  ])('skips a key with %s', async (_name, members) => {
    expect(await idsOf({ ...jwk, ...members }, { ...createPublicKey().jwk, kid: 'good' })).toEqual(['good'])
  })

  it('keeps sources apart that use the same key id', async () => {
    const other = await startKeyServer(json({ keys: [{ ...createPublicKey().jwk, kid: 'k1' }] }))
    server.answer = json({ keys: [{ ...jwk, kid: 'k1' }] })
    const environment = createTestEnvironment()
    const one = jwks(server.url, LOOPBACK)
    const two = jwks(other.url, { ...LOOPBACK, agent: 'agt_b' })
    const [mine] = await one.findKeys({ keyId: 'k1' }, environment)
    const [theirs] = await two.findKeys({ keyId: 'k1' }, environment)
    await other.stop()
    expect([mine?.agent.id, theirs?.agent.id]).toEqual(['agt_a', 'agt_b'])
    expect(mine?.thumbprint).not.toBe(theirs?.thumbprint)
  })

  it.each([undefined, '', '../x', { id: 7 }, {}])('needs to be told whose keys they are, not %j', (agent) => {
    expect(() => jwks(server.url, { ...LOOPBACK, agent } as JwksOptions)).toThrow(/agent/)
  })
})
