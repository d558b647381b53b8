import type { KeySource } from '@countermark/core'
import {
  agentKeyOf,
  createFakeClock,
  createTestAgent,
  createTestEnvironment,
  keySourceOf,
  type RequestToSign,
} from '@countermark/testing'
import { judge, received } from './run-check.ts'

const URL = 'https://api.example.com/orders'

async function claimedIn(request: Partial<RequestToSign>, keysOf?: (own: KeySource) => KeySource) {
  const clock = createFakeClock()
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  const own = keySourceOf(agentKeyOf(agent))
  const signed = await agent.signRequest({ url: URL, ...request })
  const keys = keysOf?.(own) ?? own
  const refusal = await judge(received(signed), createTestEnvironment({ clock }), { keys })
  return 'code' in refusal ? [refusal.code, refusal.claimedAgent] : ['accepted']
}

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 1)

describe('a refused signature', () => {
  it('names the agent whose key the request names', async () => {
    expect(await claimedIn({ tamper: { signature: flip } })).toEqual(['signature_invalid', 'agt_buyer'])
  })

  it('names it for a key that may not be used', async () => {
    const revoked = (own: KeySource): KeySource => ({
      name: 'test',
      findKeys: async (...asked) =>
        (await own.findKeys(...asked)).map((key) => ({ ...key, state: 'revoked' as const })),
    })
    expect(await claimedIn({}, revoked)).toEqual(['key_revoked', 'agt_buyer'])
  })

  it('names the owner of the key for a signature in the name of another', async () => {
    expect(await claimedIn({ agentId: 'agt_seller' })).toEqual(['agent_mismatch', 'agt_buyer'])
  })

  it('names nobody when no key is known: an id that anybody may invent is worth nothing', async () => {
    const none = (): KeySource => ({ name: 'none', findKeys: () => [] })
    expect(await claimedIn({}, none)).toEqual(['key_unknown', undefined])
  })
})
