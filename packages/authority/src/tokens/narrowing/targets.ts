import type { Form } from '../http/form.ts'
import { OAuthError } from '../oauth-error.ts'

/** A service that tokens are issued for. */
export interface Service {
  /** What `aud` names, and clients ask for as `resource` or `audience`. */
  readonly audience: string
  /** What its tokens may carry. @default every scope */
  readonly scopes: readonly string[] | undefined
  /** Seconds. @default the authority's */
  readonly maxLifetimeSeconds: number | undefined
}

/**
 * The services that a token is asked for: `resource` (RFC 8707) and `audience` (RFC 8693), any number of each. Without either,
 * those that the subject's token is for, or the only one there is.
 * @throws OAuthError `invalid_target`
 */
export function findTargets(
  form: Form,
  services: ReadonlyMap<string, Service>,
  allowed?: readonly string[],
): readonly Service[] {
  const resources = form.all('resource')
  if (!resources.every(isAbsolute)) throw invalid('resource must be an absolute URI without a fragment')
  const named = [...new Set([...resources, ...form.all('audience')])]
  const names = named.length > 0 ? named : (allowed?.filter((name) => services.has(name)) ?? [...services.keys()])
  if (named.length === 0 && allowed === undefined && names.length > 1)
    throw invalid('resource must say which service the token is for')
  const found = names.map((name) => services.get(name)).filter((service) => service !== undefined)
  if (found.length === 0 || found.length < names.length)
    throw invalid('the token must be for services that are known here')
  if (allowed !== undefined && !names.every((name) => allowed.includes(name))) {
    throw invalid("the token must be for services that the subject's token is for")
  }
  return found
}

function isAbsolute(text: string): boolean {
  return URL.canParse(text) && !text.includes('#')
}

function invalid(message: string): OAuthError {
  return new OAuthError('invalid_target', message)
}
