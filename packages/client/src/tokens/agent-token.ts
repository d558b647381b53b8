import { Misconfigured } from '@countermark/core'
import { custom, type OptionReader, requireStrings } from '@countermark/core/internal'
import { AgentFetchError } from '../agent-fetch-error.ts'
import type { FormField } from './client-assertion.ts'

/** A token, links included, and how it is sent. It is data: an agent may pass it on to the one it is made for. */
export interface AgentToken {
  /** The token itself, without its scheme. */
  readonly value: string
  /** `DPoP`: with a proof of possession. `Bearer`: alone, or beside a signature. */
  readonly scheme: 'Bearer' | 'DPoP'
  /** When it ends. Unix seconds; `undefined` when it is unknown. */
  readonly expiresAt?: number | undefined
  /** What it was granted for: a service that asks for more names these as well. @default not known */
  readonly scopes?: readonly string[] | undefined
}

/** What a token is needed for. */
export interface TokenRequest {
  /** Who will get it, such as `https://api.example.com`. */
  readonly origin: string
  /** Scopes that this service asked for besides, all of them within `mayAskFor`. */
  readonly scopes?: readonly string[]
  /** The value of a token that this service takes no longer: another one is wanted. */
  readonly refused?: string
  /** How the user must have proven who they are (RFC 9470). Sources that cannot see to it read over this. */
  readonly authentication?: RequiredAuthentication
}

/** What a service says about the user's log-in (RFC 9470 section 3). */
export interface RequiredAuthentication {
  readonly acrValues: readonly string[]
  /** Seconds. */
  readonly maxAgeSeconds: number | undefined
}

/** Gives tokens; asked before every try, so it remembers what it has. */
export type TokenSource = (request: TokenRequest) => AgentToken | Promise<AgentToken>

/** RFC 6750 section 2.1, and `~` between links. Longer than that no guard takes it. */
const VALUE = /^[A-Za-z0-9._~+/-]{1,8192}=*$/

/**
 * Takes what a source gave, if it can be sent.
 * @throws AgentFetchError `token_unusable`
 */
export function requireAgentToken(token: unknown): AgentToken {
  const { value, scheme, expiresAt, scopes } =
    typeof token === 'object' && token !== null ? { ...EMPTY, ...token } : EMPTY
  if (typeof value !== 'string' || !VALUE.test(value))
    throw unusable('a token must be 1 to 8192 letters, digits or -._~+/')
  if (scheme !== 'Bearer' && scheme !== 'DPoP') throw unusable("the scheme of a token must be 'Bearer' or 'DPoP'")
  const known = Array.isArray(scopes) ? { scopes: scopes.filter((scope) => typeof scope === 'string') } : {}
  if (expiresAt === undefined) return { value, scheme, ...known }
  if (typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)) throw unusable('expiresAt must be Unix seconds')
  return { value, scheme, expiresAt, ...known }
}

const EMPTY: Readonly<Record<keyof AgentToken, unknown>> = {
  value: undefined,
  scheme: undefined,
  expiresAt: undefined,
  scopes: undefined,
}

function unusable(message: string): AgentFetchError {
  return new AgentFetchError('token_unusable', message)
}

/** One name, several, or what the name of a service is: `(origin) => origin`. */
export type TokenTarget = string | readonly string[] | ((origin: string) => string)

/** What a token is asked for. */
export interface TokenScope {
  /** The services that it shall count for, by address (RFC 8707). @default what the server takes for right */
  readonly resource?: TokenTarget
  /** The services that it shall count for, by name. @default what the server takes for right */
  readonly audience?: TokenTarget
  /** @default what the server takes for right */
  readonly scopes?: readonly string[]
}

/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Whether a text may be one scope. */
export function isScopeWord(text: string): boolean {
  return SCOPE.test(text)
}

/** The names of the services at an origin. */
export type TargetsAt = (origin: string) => readonly string[]

/** Reads a target; none when it is left out. */
export const TARGET: OptionReader<TargetsAt> = custom((name, given = []) => {
  if (typeof given === 'function') return (origin) => [given(origin)]
  const names = requireStrings(name, [given].flat() as readonly string[])
  if (names.includes('')) throw new Misconfigured('ERR_OPTION_INVALID', `${name} must name a service`)
  return () => names
})

/** Reads scopes; none when they are left out. */
export const SCOPES: OptionReader<readonly string[]> = custom((name, given = []) => {
  const scopes = requireStrings(name, given as readonly string[])
  if (scopes.every(isScopeWord)) return scopes
  throw new Misconfigured('ERR_OPTION_INVALID', 'each of scopes must be one scope, without spaces')
})

/** What a token is asked for, validated. */
export interface ScopeRules {
  readonly resource: TargetsAt
  readonly audience: TargetsAt
  readonly scopes: readonly string[]
}

/** The form fields that say what a token is for. */
export function scopeFields(rules: ScopeRules, { origin, scopes: more = [] }: TokenRequest): readonly FormField[] {
  const wanted = [...new Set([...rules.scopes, ...more])]
  return [
    ...rules.resource(origin).map((value): FormField => ['resource', value]),
    ...rules.audience(origin).map((value): FormField => ['audience', value]),
    ...(wanted.length === 0 ? [] : [['scope', wanted.join(' ')] satisfies FormField]),
  ]
}
