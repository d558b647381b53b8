import type { AgentRequest } from '@countermark/core'
import { isRefusal, isUnavailable } from '@countermark/core'
import { type JsonObject, ownMember } from '@countermark/core/internal'
import { authenticateClient } from '../client-authentication/authenticate-client.ts'
import type { AgentClient, ServiceClient } from '../client-authentication/client.ts'
import { type Answer, secretJson } from '../http/answer.ts'
import { answerOperation } from '../http/token-endpoint.ts'
import { OAuthError } from '../oauth-error.ts'
import { hashOf } from '../refresh/refresh.ts'
import { haveActiveAgents } from '../subject-tokens/acting-agents.ts'
import type { SubjectToken } from '../subject-tokens/subject-tokens.ts'
import type { TokenSettings } from '../token-settings.ts'

/** Gives no reason: a service learns nothing about tokens that are not for it (RFC 7662 section 2.2). */
const INACTIVE: JsonObject = { active: false }

/** Claims that are told (RFC 7662 section 2.2, RFC 9396 section 9.2, RFC 8693 section 4, RFC 9449 section 6.2). */
const TOLD = [
  ...['iss', 'sub', 'sub_profile', 'aud', 'client_id', 'iat', 'exp', 'jti', 'scope'],
  ...['act', 'cnf', 'authorization_details', 'restrictip', 'txn'],
]

/** Answers whether a token counts now, to a service that it is for or to the agent that holds it (RFC 7662). */
export function answerIntrospection(request: AgentRequest, settings: TokenSettings): Promise<Answer> {
  return answerOperation(
    request,
    settings,
    async (call) => {
      const client = await authenticateClient(call.request, call.form, settings.clients)
      const text = call.form.require('token')
      return secretJson(
        text.startsWith('rt_')
          ? await introspectRefresh(text, client, settings)
          : await introspectAccess(text, client, settings),
      )
    },
    'introspection',
  )
}

async function introspectAccess(
  text: string,
  client: AgentClient | ServiceClient,
  settings: TokenSettings,
): Promise<JsonObject> {
  const token = await verifyOwn(text, settings)
  if (token?.own === undefined || !isConcerned(token, client)) return INACTIVE
  const { tokenId } = token.own
  const row = await settings.tables.reads
    .selectFrom('tokens')
    .select('revoked_at')
    .where('token_id', '=', tokenId)
    .executeTakeFirst()
  if (row?.revoked_at !== null || !(await haveActiveAgents(token.claims, settings))) return INACTIVE
  const told = TOLD.map((name) => [name, ownMember(token.claims, name)] as const).filter(
    ([, value]) => value !== undefined,
  )
  const type = token.token.binding.kind === 'jkt' ? 'DPoP' : 'Bearer'
  return { active: true, token_type: type, ...Object.fromEntries(told), chain_complete: true }
}

/** `undefined` for what is no token of ours, or counts no longer. */
async function verifyOwn(text: string, { subjects }: TokenSettings): Promise<SubjectToken | undefined> {
  try {
    return await subjects.verifySubject(text)
  } catch (error) {
    if (isUnavailable(error)) throw error
    if (isRefusal(error) || (error instanceof OAuthError && error.status < 500)) return undefined
    throw error
  }
}

function isConcerned({ claims, own }: SubjectToken, client: AgentClient | ServiceClient): boolean {
  if (client.kind === 'service') return own?.audiences.includes(client.audience) === true
  return ownMember(claims, 'client_id') === client.id
}

async function introspectRefresh(
  text: string,
  client: AgentClient | ServiceClient,
  settings: TokenSettings,
): Promise<JsonObject> {
  const row = await settings.tables.reads
    .selectFrom('refresh_tokens')
    .selectAll()
    .where('token_hash', '=', hashOf(text))
    .executeTakeFirst()
  const isLiving =
    row?.used_at === null && row.revoked_at === null && settings.environment.clock.wallMs() / 1000 < row.expires_at
  if (row === undefined || !isLiving || client.kind !== 'agent' || row.agent_id !== client.id) return INACTIVE
  return {
    active: true,
    iss: settings.issuer,
    sub: row.subject,
    client_id: row.agent_id,
    iat: row.issued_at,
    exp: row.expires_at,
  }
}
