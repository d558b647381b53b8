import { ownMember } from '@countermark/core/internal'
import type { AgentClient } from '../client-authentication/client.ts'
import type { Form } from '../http/form.ts'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import type { SubjectToken } from '../subject-tokens/subject-tokens.ts'
import type { TokenSettings } from '../token-settings.ts'

const TYPES = ['access_token', 'jwt'].map((name) => `urn:ietf:params:oauth:token-type:${name}`)

/**
 * Looks at `actor_token` where one is sent (RFC 8693 section 2.1). The agent that authenticated itself is who acts: its token may
 * say so as well, and nothing else.
 * @throws OAuthError `invalid_request`
 */
export async function requireActorToken(form: Form, { id }: AgentClient, settings: TokenSettings): Promise<void> {
  const [text, type] = [form.find('actor_token'), form.find('actor_token_type')]
  if ((text === undefined) !== (type === undefined)) {
    throw new OAuthError('invalid_request', 'actor_token and actor_token_type come together')
  }
  if (text === undefined || type === undefined) return
  if (!TYPES.includes(type))
    throw new OAuthError('invalid_request', 'actor_token_type must be an access token or a JWT')
  const { own, claims, subject } = await verify(text, settings)
  if (own !== undefined && subject === id && ownMember(claims, 'act') === undefined) return
  throw new OAuthError(
    'invalid_request',
    'actor_token must be a token that this authority issued to the client for itself',
  )
}

async function verify(text: string, { subjects }: TokenSettings): Promise<SubjectToken> {
  try {
    return await subjects.verifySubject(text)
  } catch (error) {
    throw toOAuthError(error, 'invalid_request')
  }
}
