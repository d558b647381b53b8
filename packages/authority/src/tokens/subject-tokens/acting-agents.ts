import { findAgentRecord, isJsonObject, type JsonObject, ownMember } from '@countermark/core/internal'
import type { TokenSettings } from '../token-settings.ts'

/**
 * Whether each agent of ours that a token names as acting, now or before, is active: one that is suspended acts through none of
 * its tokens, and through none that it handed on.
 */
export async function haveActiveAgents(
  claims: JsonObject,
  { agents, environment, issuer }: Pick<TokenSettings, 'agents' | 'environment' | 'issuer'>,
): Promise<boolean> {
  for (const agentId of actingAgents(claims, issuer)) {
    const record = await findAgentRecord(agents, { agentId }, environment)
    if (record?.state !== 'active') return false
  }
  return true
}

function actingAgents(claims: JsonObject, issuer: string): ReadonlySet<string> {
  const ids = new Set<unknown>([ownMember(claims, 'client_id')])
  for (let act = ownMember(claims, 'act'); isJsonObject(act); act = ownMember(act, 'act')) {
    if (ownMember(act, 'iss') === issuer) ids.add(ownMember(act, 'sub'))
  }
  return new Set([...ids].filter((id) => typeof id === 'string'))
}
