import { Misconfigured } from '@countermark/core'
import { custom, flag, number, optionTable, requireStrings } from '@countermark/core/internal'
import { AgentFetchError } from '../agent-fetch-error.ts'
import type { CheckedFetch, UnderlyingFetch } from '../fetch/underlying-fetch.ts'
import { FETCH, given } from '../option-readers.ts'
import { type JsonMembers, readJsonAnswer, within } from './token-answer.ts'
import { isSecureUrl } from './token-endpoint-options.ts'

/** For which service tokens are wanted, and whose tokens. */
export interface FindTokenEndpointOptions {
  /** The service, by the identifier in its metadata, such as `https://api.example.com`. Required. */
  readonly resource: string
  /** Issuers that may be asked for tokens: a service does not choose to whom our key proves itself. Required. */
  readonly issuers: readonly string[]
  /** How long all of it may take. Seconds. @default 10 */
  readonly timeoutSeconds?: number
  /** Allows `http` at 127.0.0.1, [::1] and localhost. @default false */
  readonly allowLoopbackHttp?: boolean
  /** @default the global `fetch` */
  readonly fetch?: UnderlyingFetch
}

/** What the sources of tokens are told of an authorization server. */
export interface FoundTokenEndpoint {
  /** Where tokens are asked for. */
  readonly tokenEndpoint: string
  /** Who runs it, as in `iss`. */
  readonly issuer: string
}

type Read = (url: string, noun: string) => Promise<JsonMembers | undefined>

const OPTIONS = optionTable('findTokenEndpoint', {
  resource: given<string>(),
  issuers: custom((name, issuers) => requireStrings(name, issuers as readonly string[])),
  timeoutSeconds: number({ min: 0.01, max: 300, default: 10 }),
  allowLoopbackHttp: flag(false),
  fetch: FETCH,
})

/**
 * Finds where tokens for a service come from: the first of its authorization servers (RFC 9728) that is one of `issuers`,
 * and its token endpoint (RFC 8414, else OpenID Connect Discovery).
 * @example const token = clientCredentials({ ...(await findTokenEndpoint({ resource, issuers })), clientId, key, resource })
 * @throws Misconfigured, AgentFetchError `token_unavailable`
 */
export async function findTokenEndpoint(options: FindTokenEndpointOptions): Promise<FoundTokenEndpoint> {
  const { resource, issuers, timeoutSeconds, allowLoopbackHttp, fetch } = OPTIONS.read(options)
  const timeoutMs = timeoutSeconds * 1000
  const isSecure = (url: unknown): url is string => isSecureUrl(url, allowLoopbackHttp)
  if (![resource, ...issuers].every(isSecure)) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'resource and issuers must be https URLs without credentials and fragment',
    )
  }
  const signal = AbortSignal.timeout(timeoutMs)
  const read: Read = async (url, noun) => within({ timeoutMs, signal, noun }, get(fetch, url, signal, noun))
  const issuer = await findIssuer(read, resource, issuers)
  const tokenEndpoint = await findEndpoint(read, issuer)
  if (!isSecure(tokenEndpoint)) throw unavailable('the metadata of the issuer must name a token endpoint with https')
  return { tokenEndpoint, issuer }
}

/** RFC 9728 section 3.3: the metadata must be about the resource that it was derived from. */
async function findIssuer(read: Read, resource: string, issuers: readonly string[]): Promise<string> {
  const metadata = await read(wellKnown(resource, 'oauth-protected-resource'), 'resource metadata')
  if (metadata?.['resource'] !== resource) throw unavailable('the resource metadata must be about this resource')
  const { authorization_servers: offered } = metadata
  const issuer = Array.isArray(offered) ? offered.find((candidate) => issuers.includes(candidate)) : undefined
  if (typeof issuer === 'string') return issuer
  throw unavailable('the resource takes tokens of none of the issuers')
}

/** RFC 8414 section 3.3: the metadata must be those of the issuer, character by character. */
async function findEndpoint(read: Read, issuer: string): Promise<unknown> {
  const metadata =
    (await read(wellKnown(issuer, 'oauth-authorization-server'), 'metadata of the issuer')) ??
    (await read(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, 'metadata of the issuer'))
  if (metadata?.['issuer'] !== issuer) throw unavailable('the metadata must be those of the issuer')
  return metadata['token_endpoint']
}

/** RFC 8414 section 3.1, RFC 9728 section 3.1: between host and path. */
function wellKnown(identifier: string, name: string): string {
  const { origin, pathname, search } = new URL(identifier)
  return `${origin}/.well-known/${name}${pathname === '/' ? '' : pathname}${search}`
}

/** `undefined` where there is nothing. */
async function get(
  { ask }: CheckedFetch,
  url: string,
  signal: AbortSignal,
  noun: string,
): Promise<JsonMembers | undefined> {
  const response = await ask(url, {
    method: 'GET',
    headers: [['accept', 'application/json']],
    redirect: 'manual',
    signal,
  })
  if (response.status === 404) {
    response.body?.cancel().catch(() => undefined)
    return undefined
  }
  const members = await readJsonAnswer(response, noun)
  if (response.status === 200) return members
  throw unavailable(`the ${noun} cannot be had: status ${response.status}`)
}

function unavailable(message: string): AgentFetchError {
  return new AgentFetchError('token_unavailable', message)
}
