import type { AgentRecord } from '@countermark/core'
import { isJsonObject, type JsonObject } from '@countermark/core/internal'

/** The type of an entry that limits everything an agent does (docs/protocol/constraints.md). */
export const LIMITS_TYPE = 'urn:agent-auth:limits:1'

/** What the registry says of an agent, as an entry of its tokens: services that do not ask the registry hold to it as well. */
export function limitsOf({ id, constraints }: AgentRecord): readonly JsonObject[] {
  if (constraints === undefined || Object.keys(constraints).length === 0) return []
  return [{ type: LIMITS_TYPE, agent: id, constraints }]
}

/** Those of a token, for tokens that it is exchanged for. */
export function isLimits(entry: unknown): entry is JsonObject {
  return isJsonObject(entry) && entry['type'] === LIMITS_TYPE
}
