import type { AgentRequest } from '@countermark/core'
import type { Form } from '../http/form.ts'
import { OAuthError } from '../oauth-error.ts'
import type { AgentClient, ServiceClient } from './client.ts'
import { verifyClientAssertion } from './client-assertion.ts'
import type { ClientRules } from './client-rules.ts'
import { findServiceBySecret } from './service-secret.ts'

/**
 * Finds out which client asks, by the one proof that it gives.
 * @throws OAuthError `invalid_client`, `invalid_request` for two proofs, `temporarily_unavailable`, `rate_limited`
 */
export async function authenticateClient(
  request: AgentRequest,
  form: Form,
  rules: ClientRules,
): Promise<AgentClient | ServiceClient> {
  const client = await findClient(request, form, rules)
  rules.prove(request, client.id)
  return client
}

async function findClient(request: AgentRequest, form: Form, rules: ClientRules): Promise<AgentClient | ServiceClient> {
  const proofs = [
    form.find('client_assertion') ?? form.find('client_assertion_type'),
    form.find('client_secret') ?? request.headers.lines('authorization')[0],
    request.headers.lines('signature-input')[0],
  ]
  if (proofs.filter((proof) => proof !== undefined).length > 1) {
    throw new OAuthError('invalid_request', 'a client authenticates itself in one way at a time')
  }
  const [assertion, secret, signature] = proofs
  if (assertion !== undefined) return verifyClientAssertion(request, form, rules)
  if (secret !== undefined) return findServiceBySecret(request, form, rules.secrets)
  if (signature !== undefined) return rules.verifySignedRequest(request, form)
  throw new OAuthError('invalid_client', 'authenticate by private_key_jwt or by signing the request')
}
