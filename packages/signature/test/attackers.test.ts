import { type AgentKey, isRefusal, type KeyQuery, type KeySource, Unavailable } from '@countermark/core'
import { createFakeClock, createTestAgent, createTestEnvironment, keySourceOf } from '@countermark/testing'
import { claimProof } from './claim-proof.ts'
import { createEndingStore } from './ending-store.ts'
import { judge, received } from './run-check.ts'

async function aScene() {
  const clock = createFakeClock()
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  return { clock, agent, environment: createTestEnvironment({ clock }) }
}

describe('an attacker with a captured Web Bot Auth signature over everything', () => {
  it('cannot use it again with a field added, when only its sender would be believed', async () => {
    const { agent, clock, environment } = await aScene()
    const created = clock.seconds()
    const signed = await agent.signRequest({
      ...{ url: 'https://api.example.com/v1/orders', tag: 'web-bot-auth', agentId: null },
      ...{ created, expires: created + 3_600, nonce: 'n-1' },
    })
    const store = createEndingStore()
    const first = await judge(received(signed), environment, { keys: keySourceOf(agent) })
    if (isRefusal(first)) throw first
    expect(first.agent.level).toBe('signed')
    await claimProof(first.proof, store, environment)

    clock.advance(3_000_000)
    const headerLines = [...signed.headerLines, ['Idempotency-Key', 'again'] as const]
    const second = await judge(received({ ...signed, headerLines }), environment, { keys: keySourceOf(agent) })
    if (isRefusal(second)) throw second
    expect(second.agent.level).toBe('identified')
    const again = async (): Promise<void> => claimProof(second.proof, store, environment)
    await expect(again()).rejects.toMatchObject({ code: 'replay_detected' })
  })
})

describe('an attacker who invents key ids of a known agent', () => {
  const sources: [string, () => readonly AgentKey[] | Promise<readonly AgentKey[]>][] = [
    [
      'at once',
      () => {
        throw unavailable()
      },
    ],
    ['later', () => Promise.reject(unavailable())],
  ]

  it.each(sources)(
    'is told that there is no such key, although the source is flooded and says so %s',
    async (_when, fail) => {
      const { agent, environment } = await aScene()
      const signed = await agent.signRequest({ url: 'https://api.example.com/v1/orders', keyId: 'invented' })
      const keys: KeySource = {
        name: 'flooded',
        findKeys: ({ agentId }: KeyQuery) => (agentId === undefined ? fail() : []),
      }
      expect(await judge(received(signed), environment, { keys })).toMatchObject({ code: 'key_unknown' })
    },
  )
})

function unavailable(): Unavailable {
  return new Unavailable('key_source_unavailable', 'keys', 'too many unknown things are being asked for')
}
