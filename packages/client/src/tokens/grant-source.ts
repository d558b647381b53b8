import { hash } from 'node:crypto'
import type { AgentToken, TokenRequest, TokenSource } from './agent-token.ts'
import type { FormField } from './client-assertion.ts'
import { createRememberedTokens } from './remembered-tokens.ts'
import { scopesOf } from './token-answer.ts'
import type { TokenEndpointRules } from './token-endpoint-options.ts'

/** A way to be granted tokens. */
export interface Grant {
  readonly rules: TokenEndpointRules
  /** What is asked for; the same fields mean the same token. */
  readonly fieldsFor: (request: TokenRequest) => readonly FormField[] | Promise<readonly FormField[]>
  readonly ask: (fields: readonly FormField[]) => Promise<AgentToken>
}

/** A source that remembers what it was granted, by what was asked for. */
export function createGrantSource({ rules, fieldsFor, ask }: Grant): TokenSource {
  const remembered = createRememberedTokens(rules)
  return async (request) => {
    const fields = await fieldsFor(request)
    // Fields may hold tokens of others, which are not to be kept as names.
    const name = hash('sha256', JSON.stringify(fields), 'base64url')
    const obtain = async (): Promise<AgentToken> => withScopes(await ask(fields), fields)
    return remembered.find({ name, obtain, refused: request.refused })
  }
}

/** A server that does not say what it granted has granted what it was asked for (RFC 6749 section 5.1). */
function withScopes(token: AgentToken, fields: readonly FormField[]): AgentToken {
  const [, asked] = fields.find(([name]) => name === 'scope') ?? []
  return token.scopes === undefined && asked !== undefined ? { ...token, scopes: scopesOf(asked) } : token
}
