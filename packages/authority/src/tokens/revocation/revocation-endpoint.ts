import type { AgentRequest } from '@countermark/core'
import { ownMember } from '@countermark/core/internal'
import { parseCompactJws } from '@countermark/delegation/internal'
import { authenticateClient } from '../client-authentication/authenticate-client.ts'
import { requireAgent } from '../client-authentication/client.ts'
import type { Answer } from '../http/answer.ts'
import { answerOperation } from '../http/token-endpoint.ts'
import { hashOf } from '../refresh/refresh.ts'
import type { TokenSettings } from '../token-settings.ts'
import { type RevocationTarget, revokeTokens } from './revoke-tokens.ts'

const READING = { maxLength: 8192, code: 'token_malformed', noun: 'token' } as const
const DONE: Answer = { status: 200, headers: { 'cache-control': 'no-store' }, body: '' }

/**
 * Revokes a token of the client that asks, with all that was exchanged for it (RFC 7009). A token that is not known, or not the
 * client's, is answered as one that was revoked (section 2.2).
 */
export function answerRevocation(request: AgentRequest, settings: TokenSettings): Promise<Answer> {
  return answerOperation(
    request,
    settings,
    async (call) => {
      const client = requireAgent(await authenticateClient(call.request, call.form, settings.clients))
      const target = await findTarget(call.form.require('token'), client.id, settings)
      if (target !== undefined) await revokeTokens(target, { reason: 'revocation', by: client.id }, settings)
      return DONE
    },
    'revocation',
  )
}

async function findTarget(
  text: string,
  agentId: string,
  { tables }: TokenSettings,
): Promise<RevocationTarget | undefined> {
  if (text.startsWith('rt_')) {
    const row = await tables.reads
      .selectFrom('refresh_tokens')
      .select('family_id')
      .where('token_hash', '=', hashOf(text))
      .where('agent_id', '=', agentId)
      .executeTakeFirst()
    return row && { familyId: row.family_id }
  }
  const tokenId = findTokenId(text)
  if (tokenId === undefined) return undefined
  // Its signature need not be checked: the agent may revoke each of its tokens, and the id of one is no secret to it.
  const row = await tables.reads
    .selectFrom('tokens')
    .select('token_id')
    .where('token_id', '=', tokenId)
    .where('agent_id', '=', agentId)
    .executeTakeFirst()
  return row && { tokenId: row.token_id }
}

function findTokenId(text: string): string | undefined {
  try {
    const tokenId = ownMember(parseCompactJws(text, READING).claims, 'jti')
    return typeof tokenId === 'string' ? tokenId : undefined
  } catch {
    // What is no token of ours is revoked already.
    return undefined
  }
}
