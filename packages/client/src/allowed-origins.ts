import { Misconfigured } from '@countermark/core'

/** Whether a URL's origin may get signatures and credentials. */
export type IsAllowedOrigin = (url: URL) => boolean

const HTTP = /^https?:$/

/**
 * Compiles a list of origins such as `https://api.example.com`.
 * @throws Misconfigured `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function compileOrigins(origins: readonly string[]): IsAllowedOrigin {
  if (!Array.isArray(origins) || origins.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      "origins must list who may get signatures and credentials, such as ['https://api.example.com']",
    )
  }
  const allowed = new Set(origins.map(requireOrigin))
  // A `blob:` URL has the origin of the URL inside it, and no host of its own.
  return (url) => HTTP.test(url.protocol) && allowed.has(url.origin)
}

function requireOrigin(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isBare = url !== undefined && HTTP.test(url.protocol) && url.href === `${url.origin}/`
  if (isBare) return url.origin
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of origins must be scheme, host and port alone, such as https://api.example.com',
  )
}
