import type { JsonObject } from '@countermark/core/internal'
import { parseCompactJws } from '@countermark/delegation/internal'
import { authenticateClient } from '../client-authentication/authenticate-client.ts'
import { requireAgent } from '../client-authentication/client.ts'
import type { TokenCall } from '../http/token-call.ts'
import { toOAuthError } from '../oauth-error.ts'
import type { TokenSettings } from '../token-settings.ts'
import { redeemIdJag } from './id-jag.ts'
import { redeemWorkloadToken } from './workload-token.ts'

const READING = { maxLength: 8192, code: 'token_malformed', noun: 'assertion' } as const

/**
 * A token for an assertion (RFC 7523 section 2.1): an ID-JAG, by which an identity provider lets an agent act for a user, or
 * what a platform says of a workload, which is the agent itself.
 * @throws OAuthError
 */
export async function grantJwtBearer(call: TokenCall, settings: TokenSettings): Promise<JsonObject> {
  const assertion = call.form.require('assertion')
  if (typeOf(assertion) !== 'oauth-id-jag+jwt') return redeemWorkloadToken(call, assertion, settings)
  const client = await authenticateClient(call.request, call.form, settings.clients)
  return redeemIdJag(call, assertion, requireAgent(client), settings)
}

function typeOf(assertion: string): string | undefined {
  try {
    return parseCompactJws(assertion, READING).type
  } catch (error) {
    throw toOAuthError(error, 'invalid_grant')
  }
}
