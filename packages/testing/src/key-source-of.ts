import { type AgentKey, importPublicKey, type KeySource } from '@countermark/core'
import type { TestAgent } from './test-agent.ts'

/** The key of a test agent as a key source answers it; some members may be different. */
export function agentKeyOf(agent: TestAgent, overrides: Partial<AgentKey> = {}): AgentKey {
  const imported = importPublicKey(agent.publicJwk, { algorithm: agent.algorithm, allowTestKeys: true })
  return {
    ...imported,
    agent: { id: agent.agentId, state: 'active' },
    keyId: agent.keyId,
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
    ...overrides,
  }
}

/** A key source that knows the given agents or keys, answers at once and never fails. */
export function keySourceOf(...known: readonly (TestAgent | AgentKey)[]): KeySource {
  const keys = known.map((entry) => ('signRequest' in entry ? agentKeyOf(entry) : entry))
  return {
    name: 'test',
    findKeys: ({ agentId, keyId }) =>
      keys.filter(
        (key) => (agentId === undefined || key.agent.id === agentId) && (keyId === undefined || key.keyId === keyId),
      ),
  }
}
