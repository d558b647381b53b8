import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { AgentKey } from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import { agentKeyOf, createFakeClock, createTestAgent, type FakeClock, type TestAgent } from '@countermark/testing'
import { type AgentFetch, type AgentFetchSettings, createAgentFetch } from '../src/index.ts'

/** An agent's two halves, and a clock that stands still. */
export interface AgentWithKey {
  readonly privateKey: KeyObject
  /** What a server knows. */
  readonly publicKey: AgentKey
  readonly agent: TestAgent
  readonly clock: FakeClock
  /** Milliseconds of every wait that was asked for; none really happens. */
  readonly waits: readonly number[]
  readonly createFetch: (options: Partial<AgentFetchSettings> & Pick<AgentFetchSettings, 'origins'>) => AgentFetch
}

/** Creates an agent named `agt_buyer`. */
export async function createAgentWithKey(algorithm: SignatureAlgorithm = 'ed25519'): Promise<AgentWithKey> {
  const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm })
  const privateKey = createPrivateKey({ key: { ...agent.privateJwk }, format: 'jwk' })
  const clock = createFakeClock()
  const waits: number[] = []
  const delay = async (ms: number): Promise<void> => {
    waits.push(ms)
    clock.advance(ms)
  }
  return {
    privateKey,
    publicKey: agentKeyOf(agent),
    agent,
    clock,
    waits,
    createFetch: (options) => createAgentFetch({ agentId: 'agt_buyer', key: privateKey, clock, delay, ...options }),
  }
}
