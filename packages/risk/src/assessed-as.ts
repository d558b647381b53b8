import type { AgentFact } from '@countermark/core'

/**
 * The name under which an agent's behaviour is remembered; `undefined` for one that nothing proves, whom anybody who has seen a
 * request can play. An API key proves less than a signature: it has a behaviour of its own, beside that of the agent's key.
 */
export function assessedAs({ id, level, scheme }: AgentFact): string | undefined {
  if (level !== 'identified') return id
  return scheme === 'api-key' ? `api-key:${id}` : undefined
}
