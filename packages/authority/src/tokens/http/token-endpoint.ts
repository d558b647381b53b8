import type { AgentRequest } from '@countermark/core'
import type { JsonObject } from '@countermark/core/internal'
import { grantAuthorizationCode } from '../authorization-code/authorization-code.ts'
import { authenticateClient } from '../client-authentication/authenticate-client.ts'
import { type AgentClient, requireAgent } from '../client-authentication/client.ts'
import { grantClientCredentials } from '../client-credentials/client-credentials.ts'
import { grantTokenExchange } from '../exchange/token-exchange.ts'
import type { GrantName, TokenOperation } from '../issuing/grant-names.ts'
import { grantJwtBearer } from '../jwt-bearer/jwt-bearer.ts'
import { OAuthError, toAnswerable } from '../oauth-error.ts'
import { grantRefresh } from '../refresh/refresh.ts'
import type { TokenSettings } from '../token-settings.ts'
import { type Answer, errorAnswer, secretJson } from './answer.ts'
import type { Form } from './form.ts'
import { readTokenCall, type TokenCall } from './token-call.ts'

type GrantToAgent = (call: TokenCall, client: AgentClient, settings: TokenSettings) => Promise<JsonObject>

interface GrantRow {
  readonly name: GrantName
  readonly grant: (call: TokenCall, settings: TokenSettings) => Promise<JsonObject>
}

/** The grants, by `grant_type`: a new one is a new row. */
export const GRANTS: ReadonlyMap<string, GrantRow> = new Map<string, GrantRow>([
  ['client_credentials', toAgents('client_credentials', grantClientCredentials)],
  ['urn:ietf:params:oauth:grant-type:token-exchange', toAgents('token_exchange', grantTokenExchange)],
  ['urn:ietf:params:oauth:grant-type:jwt-bearer', { name: 'jwt_bearer', grant: grantJwtBearer }],
  ['authorization_code', toAgents('authorization_code', grantAuthorizationCode)],
  ['refresh_token', toAgents('refresh_token', grantRefresh)],
])

function toAgents(name: GrantName, grant: GrantToAgent): GrantRow {
  return {
    name,
    grant: async (call, settings) => {
      const client = await authenticateClient(call.request, call.form, settings.clients)
      return grant(call, requireAgent(client), settings)
    },
  }
}

/** Answers at the token endpoint (RFC 6749 section 3.2). */
export async function answerToken(request: AgentRequest, settings: TokenSettings): Promise<Answer> {
  return answerOperation(request, settings, async (call) => {
    const row = GRANTS.get(call.form.require('grant_type'))
    if (row === undefined) throw new OAuthError('unsupported_grant_type', 'this grant_type is not known here')
    return secretJson(await row.grant(call, settings), nonceFields(settings))
  })
}

/** Runs one request to an endpoint; what is refused becomes an answer, a record and a number. */
export async function answerOperation(
  request: AgentRequest,
  settings: TokenSettings,
  work: (call: TokenCall) => Promise<Answer>,
  operation?: TokenOperation,
): Promise<Answer> {
  let form: Form | undefined
  try {
    settings.budget.requireRoom(request)
    const call = await readTokenCall(request, settings)
    form = call.form
    return await work(call)
  } catch (error) {
    const refused = toAnswerable(error, settings.onFault)
    if (refused.status < 500) settings.budget.charge(request)
    const name = operation ?? GRANTS.get(form?.find('grant_type') ?? '')?.name ?? 'unknown'
    await tell(refused, name, form?.find('client_id'), settings)
    const challenge = request.headers.has('authorization') ? `Basic realm="${settings.issuer}"` : undefined
    return errorAnswer(refused, challenge, nonceFields(settings))
  }
}

/** A refusal gives nothing away, so it is answered even where it cannot be recorded. */
async function tell(
  error: OAuthError,
  operation: TokenOperation,
  agentId: string | undefined,
  { events, onFault }: TokenSettings,
): Promise<void> {
  try {
    await events.refused({ operation, error: error.code, agentId: agentId?.slice(0, 128), reason: error.message })
  } catch (cause) {
    if (events.countUnrecorded() === 'first')
      onFault(new Error('refusals at the token endpoint are not recorded', { cause }))
  }
}

function nonceFields({ possession }: TokenSettings): Readonly<Record<string, string>> {
  const nonce = possession.issueNonce()
  return nonce === undefined ? {} : { 'dpop-nonce': nonce }
}
