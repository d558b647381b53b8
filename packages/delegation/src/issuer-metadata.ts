import { type Fetcher, isOutboundError, type JsonDocument, OutboundError } from '@countermark/outbound'
import { isJsonObject, type JsonObject, ownMember } from './strict-json.ts'

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
 * Fetches an issuer's metadata from wherever it publishes it. It must call itself exactly what it is called here (RFC 8414
 * section 3.3).
 * @throws OutboundError
 */
export async function fetchMetadata(issuer: string, fetcher: Fetcher, signal: AbortSignal): Promise<JsonObject> {
  const [first = '', second = ''] = metadataUrlsOf(issuer)
  const { value } = await fetchFirst(fetcher, [first, second], signal)
  if (!isJsonObject(value) || ownMember(value, 'issuer') !== issuer) {
    throw new OutboundError('malformed', 'the metadata belongs to another issuer')
  }
  return value
}

/** A member of metadata that must be there. @throws OutboundError `malformed` */
export function requireUrlMember(metadata: JsonObject, name: string): string {
  const value = ownMember(metadata, name)
  if (typeof value === 'string') return value
  throw new OutboundError('malformed', `the metadata has no ${name}`)
}

async function fetchFirst(
  fetcher: Fetcher,
  [first, second]: readonly [string, string],
  signal: AbortSignal,
): Promise<JsonDocument> {
  try {
    return await fetcher.fetchJson(first, signal)
  } catch (error) {
    // Whatever else goes wrong, an outage among it, says nothing about the other place.
    if (!isOutboundError(error) || error.status === undefined || error.status >= 500) throw error
    return fetcher.fetchJson(second, signal)
  }
}
