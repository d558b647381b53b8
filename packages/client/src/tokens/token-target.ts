import { Misconfigured } from '@countermark/core'
import { requireStrings } from '@countermark/core/internal'
import type { TokenRequest } from './agent-token.ts'
import type { FormField } from './client-assertion.ts'

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

/** The names of these options. */
export const TOKEN_SCOPE_OPTIONS: readonly string[] = ['resource', 'audience', 'scopes']

/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Whether a text may be one scope. */
export function isScopeWord(text: string): boolean {
  return SCOPE.test(text)
}

/**
 * Prepares the form fields that say what a token is for.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function compileTokenScope({
  resource,
  audience,
  scopes = [],
}: TokenScope): (request: TokenRequest) => readonly FormField[] {
  const targets = { resource: compileTarget('resource', resource), audience: compileTarget('audience', audience) }
  requireScopes(scopes)
  return ({ origin, scopes: more = [] }) => {
    const wanted = [...new Set([...scopes, ...more])]
    return [
      ...targets.resource(origin).map((value): FormField => ['resource', value]),
      ...targets.audience(origin).map((value): FormField => ['audience', value]),
      ...(wanted.length === 0 ? [] : [['scope', wanted.join(' ')] satisfies FormField]),
    ]
  }
}

/**
 * Validates a target and makes it a function of the origin.
 * @throws Misconfigured `ERR_OPTION_INVALID`
 */
export function compileTarget(name: string, target: TokenTarget | undefined): (origin: string) => readonly string[] {
  if (typeof target === 'function') return (origin) => [target(origin)]
  const names = requireStrings(name, target === undefined ? [] : [target].flat())
  if (names.includes('')) throw new Misconfigured('ERR_OPTION_INVALID', `${name} must name a service`)
  return () => names
}

function requireScopes(scopes: readonly string[]): void {
  if (requireStrings('scopes', scopes).every(isScopeWord)) return
  throw new Misconfigured('ERR_OPTION_INVALID', 'each of scopes must be one scope, without spaces')
}
