import { Misconfigured } from './misconfigured.ts'

/** Who we are: what `@authority` and `@scheme` are, whatever a Host or X-Forwarded-Host claims. */
export interface Origin {
  readonly scheme: 'http' | 'https'
  /** Lower-case host, with a port only where it is not the scheme's default (RFC 9421 section 2.2.3). */
  readonly authority: string
}

const DEFAULT_PORT: Readonly<Record<Origin['scheme'], string>> = { http: '80', https: '443' }
const CONFIGURED = /^(?:(https?):\/\/)?((?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]))(?::([0-9]{1,5}))?$/

/**
 * Compiles hosts (`api.example.com`: https) and origins (`http://127.0.0.1:3000`) into a lookup from a Host value.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`
 */
export function compileAuthorities(authorities: readonly string[]): (host: string) => Origin | undefined {
  if (!Array.isArray(authorities) || authorities.length === 0) {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      "authorities must name who this server is, such as ['api.example.com']",
    )
  }
  const origins = new Map<string, Origin>()
  for (const text of authorities) {
    const { origin, spellings } = parseOrigin(text)
    for (const spelling of spellings) origins.set(spelling, origin)
  }
  return (host) => origins.get(host) ?? origins.get(host.toLowerCase())
}

function parseOrigin(text: string): { origin: Origin; spellings: readonly string[] } {
  const match = typeof text === 'string' ? CONFIGURED.exec(text.toLowerCase()) : null
  if (match === null) {
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      'each of authorities must be a host or an origin, such as http://127.0.0.1:3000',
    )
  }
  const scheme = match[1] === 'http' ? 'http' : 'https'
  const host = match[2] as string
  const port = match[3] ?? DEFAULT_PORT[scheme]
  const isDefault = port === DEFAULT_PORT[scheme]
  const authority = isDefault ? host : `${host}:${port}`
  return { origin: { scheme, authority }, spellings: isDefault ? [host, `${host}:${port}`] : [authority] }
}
