import type { JsonObject } from '@countermark/core/internal'
import { writeDetails } from '../narrowing/details.ts'
import type { TokenContent } from './access-token.ts'
import type { IssuedToken } from './issue-token.ts'

/** What the token endpoint answers (RFC 6749 section 5.1, RFC 9396 section 7). */
export function toTokenResponse(
  content: Pick<TokenContent, 'scopes' | 'details' | 'limits' | 'binding'>,
  token: IssuedToken,
  more: JsonObject = {},
): JsonObject {
  const entries = [...writeDetails(content.details), ...content.limits]
  return {
    access_token: token.value,
    token_type: content.binding.tokenType,
    expires_in: token.expiresInSeconds,
    scope: content.scopes.join(' '),
    ...(entries.length === 0 ? {} : { authorization_details: entries }),
    ...more,
  }
}
