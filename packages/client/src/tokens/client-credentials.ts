import { requireKnownOptions } from '@countermark/core'
import type { TokenSource } from './agent-token.ts'
import { createGrantSource } from './grant-source.ts'
import { askTokenEndpoint } from './token-endpoint.ts'
import {
  readTokenEndpointOptions,
  TOKEN_ENDPOINT_OPTIONS,
  type TokenEndpointOptions,
} from './token-endpoint-options.ts'
import { compileTokenScope, TOKEN_SCOPE_OPTIONS, type TokenScope } from './token-target.ts'

/** Options of {@link clientCredentials}. */
export type ClientCredentialsOptions = TokenEndpointOptions & TokenScope

/**
 * Tokens for an agent that acts for itself (RFC 6749 section 4.4).
 * @example
 * const token = clientCredentials({ tokenEndpoint, clientId: 'agt_7f2k9x', key, scopes: ['orders:read'], resource: (origin) => origin })
 * @throws Misconfigured
 */
export function clientCredentials(options: ClientCredentialsOptions): TokenSource {
  requireKnownOptions('clientCredentials', options, [...TOKEN_ENDPOINT_OPTIONS, ...TOKEN_SCOPE_OPTIONS])
  const rules = readTokenEndpointOptions(options)
  const scopeFor = compileTokenScope(options)
  return createGrantSource({
    rules,
    fieldsFor: (request) => [['grant_type', 'client_credentials'], ...scopeFor(request)],
    ask: async (fields) => (await askTokenEndpoint(rules, fields)).token,
  })
}
