import type { AgentFact } from '@countermark/core'

const API_KEY = 'api-key:'
const SIGNED = 'signed:'

/**
 * The name under which an agent's behaviour is remembered; `undefined` for one that nothing proves, whom anybody who has seen a
 * request can play. An API key proves less than a signature: it has a behaviour of its own, beside that of the agent's key. Owners
 * choose ids: an agent whose id looks like such a name gets another one, so that none moves the score of a stranger.
 */
export function assessedAs({ id, level, scheme }: Pick<AgentFact, 'id' | 'level' | 'scheme'>): string | undefined {
  if (level === 'identified') return scheme === 'api-key' ? API_KEY + id : undefined
  return id.startsWith(API_KEY) || id.startsWith(SIGNED) ? SIGNED + id : id
}
