import { importPublicKey } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { agentKeyOf, createFakeClock, createTestAgent, keySourceOf } from '@countermark/testing'
import { httpbis } from 'http-message-signatures'

const ALGORITHMS = ['ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512', 'rsa-v1_5-sha256'] as const

describe('createTestAgent', () => {
  it.each(ALGORITHMS)(
    'publishes an %s key that core imports with the same thumbprint, as JWK and as PEM',
    async (algorithm) => {
      const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm })
      const fromJwk = importPublicKey(agent.publishedJwk, { algorithm })
      const fromPem = importPublicKey(agent.publicPem, { algorithm })
      expect([fromJwk.thumbprint, fromPem.thumbprint]).toEqual([agent.thumbprint, agent.thumbprint])
    },
  )

  it('publishes the 32 bytes of an Ed25519 key in base64', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    expect(importPublicKey(agent.publicRaw ?? '').thumbprint).toBe(agent.thumbprint)
  })

  it('names its key by the thumbprint unless told otherwise', async () => {
    const unnamed = await createTestAgent({ agentId: 'agt_buyer' })
    const named = await createTestAgent({ agentId: 'agt_buyer', keyId: 'buyer-2026' })
    expect([unnamed.keyId, named.keyId]).toEqual([unnamed.thumbprint, 'buyer-2026'])
  })

  it('never publishes a private member', async () => {
    const { publicJwk, publishedJwk } = await createTestAgent({ agentId: 'agt_buyer', algorithm: 'rsa-pss-sha512' })
    expect([...Object.keys(publicJwk), ...Object.keys(publishedJwk)].sort()).toEqual([
      'e',
      'e',
      'kid',
      'kty',
      'kty',
      'n',
      'n',
    ])
  })

  it.each(ALGORITHMS)('makes %s signatures that node:crypto verifies', async (algorithm) => {
    const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm })
    const bytes = new TextEncoder().encode('to be signed')
    expect(nodeVerifier.verify(agentKeyOf(agent), bytes, await agent.sign(bytes))).toBe(true)
  })

  it.each(ALGORITHMS)('signs requests with %s that http-message-signatures verifies', async (algorithm) => {
    const clock = createFakeClock(Date.now())
    const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm, clock })
    const signed = await agent.signRequest({
      url: 'https://api.example.com/refunds?dry_run=false',
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer abc' },
      body: '{"amount":4200}',
    })
    const key = agentKeyOf(agent)
    const verified = await httpbis.verifyMessage(
      {
        keyLookup: async () => ({
          id: agent.keyId,
          algs: [algorithm],
          verify: async (data, signature) => nodeVerifier.verify(key, data, signature),
        }),
      },
      { method: signed.method, url: signed.url, headers: signed.headers },
    )
    expect(verified).toBe(true)
  })
})

describe('keySourceOf', () => {
  it('finds keys by agent, by key id, or by both', async () => {
    const buyer = await createTestAgent({ agentId: 'agt_buyer', keyId: 'k1' })
    const clerk = await createTestAgent({ agentId: 'agt_clerk', keyId: 'k1' })
    const source = keySourceOf(buyer, agentKeyOf(clerk, { state: 'revoked' }))
    const find = async (query: object): Promise<readonly string[]> =>
      (await source.findKeys(query, {} as never)).map((key) => `${key.agent.id} ${key.state}`)
    expect(await find({ keyId: 'k1' })).toEqual(['agt_buyer active', 'agt_clerk revoked'])
    expect(await find({ keyId: 'k1', agentId: 'agt_clerk' })).toEqual(['agt_clerk revoked'])
    expect(await find({ keyId: 'k2', agentId: 'agt_clerk' })).toEqual([])
  })
})
