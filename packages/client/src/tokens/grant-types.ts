import { Misconfigured } from '@countermark/core'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { type AgentToken, scopeFields, type TokenScope, type TokenSource } from './agent-token.ts'
import type { FormField } from './client-assertion.ts'
import { createGrantSource } from './remembered-tokens.ts'
import { askTokenEndpoint } from './token-endpoint.ts'
import {
  readTokenEndpointOptions,
  type TokenEndpointOptions,
  type TokenEndpointRules,
} from './token-endpoint-options.ts'

/** Options of {@link clientCredentials}. */
export type ClientCredentialsOptions = TokenEndpointOptions

/**
 * Tokens for an agent that acts for itself (RFC 6749 section 4.4).
 * @example
 * const token = clientCredentials({ tokenEndpoint, clientId: 'agt_7f2k9x', key, scopes: ['orders:read'], resource: (origin) => origin })
 * @throws Misconfigured
 */
export function clientCredentials(options: ClientCredentialsOptions): TokenSource {
  const rules = readTokenEndpointOptions('clientCredentials', options)
  return createGrantSource(rules, (request) => [['grant_type', 'client_credentials'], ...scopeFields(rules, request)])
}

/** What a user's consent left behind. */
export interface RefreshTokenSettings extends TokenScope {
  /** The refresh token to begin with. */
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
  const rules = readTokenEndpointOptions('refreshToken', options, ['refreshToken', 'keep'])
  const { refreshToken: first, keep = () => undefined } = options
  if (typeof first !== 'string' || first === '') {
    throw new Misconfigured('ERR_OPTION_MISSING', 'refreshToken must be the one that the server gave')
  }
  if (typeof keep !== 'function') throw new Misconfigured('ERR_OPTION_INVALID', 'keep must be a function')
  return createGrantSource(rules, (request) => scopeFields(rules, request), askInTurn(rules, first, keep))
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

/** A token of a user or an agent, or what gives the one that counts now, such as that of the request being answered. */
type HeldToken = string | (() => string | Promise<string>)

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
type ExchangeTokenType = 'access_token' | 'refresh_token' | 'id_token' | 'jwt'

/** Options of {@link tokenExchange}. */
export type TokenExchangeOptions = TokenEndpointOptions & TokenExchangeSettings

const TYPES: readonly ExchangeTokenType[] = ['access_token', 'refresh_token', 'id_token', 'jwt']
const KNOWN = ['subjectToken', 'subjectTokenType', 'actorToken', 'actorTokenType']

/**
 * Tokens in exchange for another's token (RFC 8693): the server narrows it and writes down who acts.
 * @throws Misconfigured
 */
export function tokenExchange(options: TokenExchangeOptions): TokenSource {
  const rules = readTokenEndpointOptions('tokenExchange', options, KNOWN)
  const { subjectToken, subjectTokenType, actorToken, actorTokenType } = options
  if (subjectToken === undefined) throw new Misconfigured('ERR_OPTION_MISSING', 'subjectToken must say for whom')
  const subject = compileHeld('subject_token', subjectToken, subjectTokenType)
  const actor = actorToken === undefined ? async () => [] : compileHeld('actor_token', actorToken, actorTokenType)
  return createGrantSource(rules, async (request) => [
    ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ...(await subject()),
    ...(await actor()),
    ...scopeFields(rules, request),
  ])
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
