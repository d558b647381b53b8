import { Misconfigured } from '@countermark/core'
import { custom, number, type OptionRows, optionTable, text } from '@countermark/core/internal'
import type { IssuerOptions } from '@countermark/delegation'
import { type IssuerSettings, readIssuerOptions } from '@countermark/delegation/internal'
import { createFetcher, type Fetcher, type FetcherOptions } from '@countermark/outbound'

/** How people sign in, and where agents get their answers. */
export interface ConsentOptions {
  /** The OpenID Connect provider that people sign in at. Required. */
  readonly provider: IssuerOptions
  /** Who the authority is there. Its redirect URI is `{issuer}/signed-in`. Required. */
  readonly clientId: string
  /** What the client proves itself with where consent is asked for. Keep it out of the source. */
  readonly clientSecret: string
  /** Stands before `sub`, as for the same provider among `trustedIssuers.users`. @default '' */
  readonly subjectPrefix?: string
  /** Where agents are answered, by agent id: exact URIs; of a loopback address any port (RFC 8252 section 7.3). Required. */
  readonly redirectUris: Readonly<Record<string, readonly string[]>>
  /** Longest time that a person may let an agent act. Seconds. @default 2_592_000 (30 days) */
  readonly maxSeconds?: number
}

/** The same after validation. */
export interface ConsentSettings {
  readonly provider: IssuerSettings
  readonly fetcher: Fetcher
  /** With our secret (`client_secret_basic`), for the token endpoint alone. */
  readonly tokenFetcher: Fetcher
  readonly clientId: string
  readonly subjectPrefix: string
  readonly redirectUris: ReadonlyMap<string, readonly string[]>
  readonly maxSeconds: number
}

const TABLE = optionTable('consent', {
  provider: custom((_name, given) => given as IssuerOptions),
  clientId: text(),
  clientSecret: text(),
  subjectPrefix: custom((_name, given = '') => String(given)),
  redirectUris: custom((_name, given) => readRedirectUris(given)),
  maxSeconds: number({ min: 60, max: 31_536_000, default: 2_592_000 }),
} satisfies OptionRows<ConsentOptions>)

/** An ID token is of no use without what it answers. */
const ID_TOKEN: Partial<IssuerOptions> = {
  types: ['JWT', 'none'],
  idTokens: 'accept',
  actor: 'optional',
  requiredClaims: ['nonce'],
  statusList: 'ignored',
  maxLifetimeSeconds: 86_400,
}

/**
 * Validates how people are asked.
 * @throws {@link Misconfigured}
 */
export function readConsentOptions(options: ConsentOptions): ConsentSettings {
  const { provider, clientId, clientSecret, ...given } = TABLE.read(options, 'consent.')
  if (clientId === undefined || clientSecret === undefined || provider === undefined) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      'consent needs provider, clientId and clientSecret, to let people sign in',
    )
  }
  const http: FetcherOptions = { ...provider.http }
  return {
    ...given,
    clientId,
    provider: readIssuerOptions({ ...ID_TOKEN, audience: clientId, ...provider }),
    fetcher: createFetcher(http),
    tokenFetcher: createFetcher({
      ...http,
      headers: { ...http.headers, authorization: basic(clientId, clientSecret) },
    }),
  }
}

/** RFC 6749 section 2.3.1: each part is encoded like a form before both are. */
function basic(clientId: string, clientSecret: string): string {
  return `Basic ${Buffer.from([clientId, clientSecret].map(encodeURIComponent).join(':')).toString('base64')}`
}

function readRedirectUris(given: unknown): ReadonlyMap<string, readonly string[]> {
  const entries = Object.entries((given ?? {}) as ConsentOptions['redirectUris'])
  if (entries.flatMap(([, uris]) => uris).every(isRedirectUri)) return new Map(entries)
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'consent.redirectUris must be https URIs, or http at a loopback address, without a fragment',
  )
}

function isRedirectUri(uri: unknown): boolean {
  if (typeof uri !== 'string' || !URL.canParse(uri) || uri.includes('#')) return false
  const { protocol, username } = new URL(uri)
  return username === '' && (protocol === 'https:' || isLoopback(uri))
}

/** Whether a URI is one of this machine, by address: names can be made to mean something else. */
export function isLoopback(uri: string): boolean {
  const { protocol, hostname } = new URL(uri)
  return protocol === 'http:' && (hostname === '127.0.0.1' || hostname === '[::1]')
}
