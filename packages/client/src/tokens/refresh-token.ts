import { Misconfigured, requireKnownOptions } from '@countermark/core'
import type { AgentToken, TokenSource } from './agent-token.ts'
import type { FormField } from './client-assertion.ts'
import { createGrantSource } from './grant-source.ts'
import { askTokenEndpoint } from './token-endpoint.ts'
import {
  readTokenEndpointOptions,
  TOKEN_ENDPOINT_OPTIONS,
  type TokenEndpointOptions,
  type TokenEndpointRules,
} from './token-endpoint-options.ts'
import { compileTokenScope, TOKEN_SCOPE_OPTIONS, type TokenScope } from './token-target.ts'

/** What a user's consent left behind. */
export interface RefreshTokenSettings extends TokenScope {
  readonly refreshToken: string
  /** Gets each refresh token that replaces the one before, to keep it; tokens wait for it. @default forgotten at exit */
  readonly keep?: (refreshToken: string) => void | Promise<void>
}

/** Options of {@link refreshToken}. */
export type RefreshTokenOptions = TokenEndpointOptions & RefreshTokenSettings

/**
 * Tokens for an agent to which a user consented before (RFC 6749 section 6).
 * @throws Misconfigured
 */
export function refreshToken(options: RefreshTokenOptions): TokenSource {
  requireKnownOptions('refreshToken', options, [
    ...TOKEN_ENDPOINT_OPTIONS,
    ...TOKEN_SCOPE_OPTIONS,
    'refreshToken',
    'keep',
  ])
  const { refreshToken: first, keep = () => undefined } = options
  if (typeof first !== 'string' || first === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'refreshToken must be the one that the server gave')
  }
  if (typeof keep !== 'function') throw new Misconfigured('ERR_OPTION_INVALID', 'keep must be a function')
  const rules = readTokenEndpointOptions(options)
  const scopeFor = compileTokenScope(options)
  const ask = askInTurn(rules, first, keep)
  return createGrantSource({ rules, fieldsFor: scopeFor, ask })
}

/** One at a time: a refresh token that is used twice ends the consent (RFC 9700 section 4.14). */
function askInTurn(
  rules: TokenEndpointRules,
  first: string,
  keep: (refreshToken: string) => void | Promise<void>,
): (fields: readonly FormField[]) => Promise<AgentToken> {
  let current = first
  let last: Promise<unknown> = Promise.resolve()
  const ask = async (fields: readonly FormField[]): Promise<AgentToken> => {
    const grant = [['grant_type', 'refresh_token'] as const, ['refresh_token', current] as const]
    const { token, refreshToken = current } = await askTokenEndpoint(rules, [...grant, ...fields])
    if (refreshToken === current) return token
    current = refreshToken
    await keep(refreshToken)
    return token
  }
  return (fields) => {
    const turn = last.then(() => ask(fields))
    last = turn.catch(() => undefined)
    return turn
  }
}
