import { Misconfigured, requireKnownOptions } from '@countermark/core'
import { AgentFetchError } from '../agent-fetch-error.ts'
import type { TokenSource } from './agent-token.ts'
import type { FormField } from './client-assertion.ts'
import { createGrantSource } from './grant-source.ts'
import { askTokenEndpoint } from './token-endpoint.ts'
import {
  readTokenEndpointOptions,
  TOKEN_ENDPOINT_OPTIONS,
  type TokenEndpointOptions,
} from './token-endpoint-options.ts'
import { compileTokenScope, TOKEN_SCOPE_OPTIONS, type TokenScope } from './token-target.ts'

/** A token of somebody, or what gives the one that counts now, such as that of the request being answered. */
export type HeldToken = string | (() => string | Promise<string>)

/** What is exchanged. */
export interface TokenExchangeSettings extends TokenScope {
  /** For whom: the token of the user, or of the agent before us. */
  readonly subjectToken: HeldToken
  /** @default 'access_token' */
  readonly subjectTokenType?: ExchangeTokenType
  /** Who acts, where the server does not take the client for the actor. @default none */
  readonly actorToken?: HeldToken
  /** @default 'access_token' */
  readonly actorTokenType?: ExchangeTokenType
}

/** The kinds of token of RFC 8693 section 3 that are not SAML, without their common beginning. */
export type ExchangeTokenType = 'access_token' | 'refresh_token' | 'id_token' | 'jwt'

/** Options of {@link tokenExchange}. */
export type TokenExchangeOptions = TokenEndpointOptions & TokenExchangeSettings

const TYPES: readonly ExchangeTokenType[] = ['access_token', 'refresh_token', 'id_token', 'jwt']
const KNOWN = ['subjectToken', 'subjectTokenType', 'actorToken', 'actorTokenType']

/**
 * Tokens in exchange for a token of somebody else (RFC 8693): the server narrows it and writes down who acts.
 * @throws Misconfigured
 */
export function tokenExchange(options: TokenExchangeOptions): TokenSource {
  requireKnownOptions('tokenExchange', options, [...TOKEN_ENDPOINT_OPTIONS, ...TOKEN_SCOPE_OPTIONS, ...KNOWN])
  const { subjectToken, subjectTokenType, actorToken, actorTokenType } = options
  if (subjectToken === undefined) throw new Misconfigured('ERR_OPTION_MISSING', 'subjectToken must say for whom')
  const rules = readTokenEndpointOptions(options)
  const scopeFor = compileTokenScope(options)
  const subject = compileHeld('subject_token', subjectToken, subjectTokenType)
  const actor = actorToken === undefined ? async () => [] : compileHeld('actor_token', actorToken, actorTokenType)
  return createGrantSource({
    rules,
    fieldsFor: async (request) => [
      ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      ...(await subject()),
      ...(await actor()),
      ...scopeFor(request),
    ],
    ask: async (fields) => (await askTokenEndpoint(rules, fields)).token,
  })
}

function compileHeld(
  name: string,
  held: HeldToken,
  type: ExchangeTokenType = 'access_token',
): () => Promise<readonly FormField[]> {
  if (!TYPES.includes(type))
    throw new Misconfigured('ERR_OPTION_INVALID', `${name}: its type must be one of ${TYPES.join(', ')}`)
  if (typeof held !== 'function' && !isToken(held))
    throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be a token`)
  const typeField: FormField = [`${name}_type`, `urn:ietf:params:oauth:token-type:${type}`]
  return async () => {
    const value = typeof held === 'function' ? await held() : held
    if (!isToken(value)) throw new AgentFetchError('token_unusable', `${name} must be a token`)
    return [[name, value], typeField]
  }
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
