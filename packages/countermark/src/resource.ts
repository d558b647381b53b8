import { Misconfigured } from '@countermark/core'
import type { FindOrigin } from '@countermark/core/internal'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** Who this service is to issuers of tokens, and where it says so. */
export interface Resource {
  /** The identifier; `undefined`: the origin that is called. */
  readonly identifier: string | undefined
  /** The path of the document on our own origins. */
  readonly path: string
  /** The document's URL, or its path where every origin has its own. */
  readonly place: string
}

/**
 * Reads the option `resource`; the document's path is the well-known one with that of the resource behind (RFC 9728
 * section 3.1).
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function readResource(identifier: string | undefined, findOrigin: FindOrigin | undefined): Resource {
  if (identifier === undefined) return { identifier, path: WELL_KNOWN, place: WELL_KNOWN }
  const url = parse(identifier)
  const origin = findOrigin?.(url.host)
  if (findOrigin !== undefined && `${origin?.scheme}:` !== url.protocol) {
    throw invalid('resource must stand on one of authorities: nobody else can publish its metadata')
  }
  const path = url.pathname === '/' ? WELL_KNOWN : WELL_KNOWN + url.pathname
  return { identifier, path, place: url.origin + path }
}

function parse(identifier: string): URL {
  const isWritable =
    typeof identifier === 'string' && /^https?:\/\/[\x21\x24-\x3e\x40-\x5b\x5d-\x7e]+$/.test(identifier)
  const url = isWritable && URL.canParse(identifier) ? new URL(identifier) : undefined
  // Compared as text by whoever reads it (RFC 9728 section 3.3): one spelling only.
  if (url !== undefined && (url.href === identifier || url.href === `${identifier}/`)) return url
  throw invalid(
    'resource must be a URL as clients write it, without query and fragment, such as https://api.example.com/v1',
  )
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
