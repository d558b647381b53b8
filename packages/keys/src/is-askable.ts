import type { KeyQuery } from '@countermark/core'
import { isAgentId, isKeyId } from '@countermark/core/internal'

/** Whether any key can match. A question that none can match must cost nothing and reach nobody. */
export function isAskable({ agentId, keyId }: KeyQuery): boolean {
  if (agentId === undefined) return keyId !== undefined && isKeyId(keyId)
  return isAgentId(agentId) && (keyId === undefined || isKeyId(keyId))
}
