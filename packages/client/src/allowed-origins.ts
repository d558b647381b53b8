import { Misconfigured } from '@countermark/core'

/** Whether a URL's origin may get signatures and credentials. */
export type IsAllowedOrigin = (url: URL) => boolean

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
  return (url) => allowed.has(url.origin)
}

function requireOrigin(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isBare = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`
  if (isBare) return url.origin
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of origins must be scheme, host and port alone, such as https://api.example.com',
  )
}
