import { isMisconfigured, Misconfigured, Unavailable } from '@countermark/core'
import { isJsonObject, ownMember } from '@countermark/core/internal'
import { createFetcher, type Fetcher, type FetcherOptions, isOutboundError, OutboundError } from '@countermark/outbound'

/**
 * Makes the fetcher for one thing that an issuer publishes, and refuses a URL that could never be fetched while the
 * application starts. A port that the operator wrote into the URL needs no second mention.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function createIssuerFetcher(owner: string, url: string, options: FetcherOptions): Fetcher {
  const port = URL.canParse(url) ? Number(new URL(url).port) : 0
  return configured(owner, () => {
    const fetcher = createFetcher({ ports: port === 0 ? [443, 80] : [port], ...options })
    fetcher.checkUrl(url)
    return fetcher
  })
}

/**
 * Turns what a layer below refuses at start into the error that applications know.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function configured<Made>(owner: string, make: () => Made): Made {
  try {
    return make()
  } catch (error) {
    if (isMisconfigured(error) || !(error instanceof TypeError || isOutboundError(error))) throw error
    throw new Misconfigured('ERR_OPTION_INVALID', `${owner}: ${error.message}`)
  }
}

/** Where an issuer says what it offers: RFC 8414 section 3 first, then OpenID Connect Discovery section 4. */
export function metadataUrlsOf(issuer: string): readonly string[] {
  const url = new URL(issuer)
  const path = url.pathname.replace(/\/$/, '')
  return [
    `${url.origin}/.well-known/oauth-authorization-server${path}`,
    `${url.origin}${path}/.well-known/openid-configuration`,
  ]
}

/**
 * Fetches the URL of an issuer's keys out of its metadata, from the first place that tells it. The metadata must call itself
 * exactly what it is called here (RFC 8414 section 3.3).
 * @throws OutboundError what was wrong at the first place, where neither tells
 */
export async function fetchJwksUri(issuer: string, fetcher: Fetcher, signal: AbortSignal): Promise<string> {
  let first: unknown
  for (const url of metadataUrlsOf(issuer)) {
    try {
      const { value } = await fetcher.fetchJson(url, signal)
      return parseJwksUri(value, issuer)
    } catch (error) {
      if (!isOutboundError(error)) throw error
      first ??= error
    }
  }
  throw first
}

function parseJwksUri(metadata: unknown, issuer: string): string {
  if (!isJsonObject(metadata) || ownMember(metadata, 'issuer') !== issuer) {
    throw new OutboundError('malformed', 'the metadata belongs to another issuer')
  }
  const jwksUri = ownMember(metadata, 'jwks_uri')
  if (typeof jwksUri === 'string') return jwksUri
  throw new OutboundError('malformed', 'the metadata has no jwks_uri')
}

const LONGEST_RETRY_SECONDS = 60
const DEPENDENCIES = { key_source_unavailable: 'issuer', revocation_unavailable: 'revocation' } as const

/** An issuer that cannot tell. The caller may come again when the issuer says so, within a minute. */
export function unavailable(code: keyof typeof DEPENDENCIES, message: string, cause: unknown): Unavailable {
  const asked = isOutboundError(cause) ? (cause.retryAfterSeconds ?? 1) : 1
  const retryAfterSeconds = Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil(asked)))
  return new Unavailable(code, DEPENDENCIES[code], message, { cause, retryAfterSeconds, credential: 'token' })
}
