import { Misconfigured } from '../misconfigured.ts'

/** Who we are: what `@authority` and `@scheme` are, whatever a Host or X-Forwarded-Host claims. */
export interface Origin {
  readonly scheme: 'http' | 'https'
  /** Lower-case host, with a port only where it is not the scheme's default (RFC 9421 section 2.2.3). */
  readonly authority: string
}

/** Finds which of our origins a Host value names; `undefined` when it is none of them. */
export type FindOrigin = (host: string) => Origin | undefined

const DEFAULT_PORT: Readonly<Record<Origin['scheme'], string>> = { http: '80', https: '443' }
const CONFIGURED = /^(?:(https?):\/\/)?((?:\*\.(?=[a-z0-9_-]+\.))?[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$/

/** Who this server is: hosts and origins, or a function that is given the Host value and says who it is for that. */
export type Origins = readonly string[] | ((host: string) => readonly string[])

/** Answers of one function that are kept compiled. */
const MAX_COMPILED = 256

/**
 * Prepares the lookup for `origins`. A function is asked for each request; what it answers is compiled once.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`
 */
export function originFinder(origins: Origins): FindOrigin {
  if (typeof origins !== 'function') return compileOrigins(origins)
  const compiled = new Map<string, FindOrigin>()
  return (host) => {
    const names = origins(host)
    // A function of the host answers `[]` for one that is not ours.
    if (origins.length > 0 && Array.isArray(names) && names.length === 0) return undefined
    const answer = String(names)
    let find = compiled.get(answer)
    if (find === undefined) {
      if (compiled.size >= MAX_COMPILED) compiled.clear()
      find = compileOrigins(names)
      compiled.set(answer, find)
    }
    return find(host)
  }
}

/** The name of this service, for what several services share: the first of its origins. */
export function serviceNamer(origins: Origins): () => string {
  return () => ((typeof origins === 'function' ? origins('') : origins)[0] ?? '').toLowerCase()
}

/**
 * Compiles hosts (`api.example.com`: https) and origins (`http://127.0.0.1:3000`) into a lookup from a Host value. `*.` at
 * the beginning stands for exactly one label: a host for each tenant.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`
 */
export function compileOrigins(origins: readonly string[]): FindOrigin {
  if (!Array.isArray(origins) || origins.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', "origins must name who this server is, such as ['api.example.com']")
  }
  const bySpelling = new Map<string, Origin>()
  for (const text of origins) {
    const { origin, spellings } = parseOrigin(text)
    for (const spelling of spellings) addSpelling(bySpelling, spelling, origin)
  }
  const findExact: FindOrigin = (host) => bySpelling.get(host) ?? bySpelling.get(host.toLowerCase())
  if (![...bySpelling.keys()].some((spelling) => spelling.startsWith('*.'))) return findExact
  return (host) => (host.startsWith('*') ? undefined : (findExact(host) ?? findTenant(host.toLowerCase(), bySpelling)))
}

const TENANT = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?=\.)/

function findTenant(host: string, bySpelling: ReadonlyMap<string, Origin>): Origin | undefined {
  const label = TENANT.exec(host)?.[0]
  const origin = label === undefined ? undefined : bySpelling.get(`*${host.slice(label.length)}`)
  return origin && { scheme: origin.scheme, authority: origin.authority.replace('*', label ?? '') }
}

function addSpelling(bySpelling: Map<string, Origin>, spelling: string, origin: Origin): void {
  const known = bySpelling.get(spelling)
  if (known !== undefined && (known.scheme !== origin.scheme || known.authority !== origin.authority)) {
    throw invalid(`origins must say of ${spelling} whether it is http or https`)
  }
  bySpelling.set(spelling, origin)
}

function parseOrigin(text: string): { readonly origin: Origin; readonly spellings: readonly string[] } {
  const match = typeof text === 'string' ? CONFIGURED.exec(text.toLowerCase()) : null
  if (match === null) throw invalid('each of origins must be a host or an origin, such as http://127.0.0.1:3000')
  const scheme = match[1] === 'http' ? 'http' : 'https'
  const [, , named = ''] = match
  const wildcard = named.startsWith('*.') ? '*.' : ''
  const host = wildcard + requireCanonical(named.slice(wildcard.length))
  const port = match[3] ?? DEFAULT_PORT[scheme]
  if (!(Number(port) <= 65_535)) throw invalid('each port of origins must be at most 65535')
  if (port !== DEFAULT_PORT[scheme]) {
    const authority = `${host}:${port}`
    return { origin: { scheme, authority }, spellings: [authority] }
  }
  return { origin: { scheme, authority: host }, spellings: [host, `${host}:${port}`] }
}

/** Clients send the host as URL parsers write it; another spelling would be configured and never met. */
function requireCanonical(host: string): string {
  if (host.startsWith('.') || host.endsWith('.')) throw invalid('no host of origins may begin or end with a dot')
  const canonical = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : 'a name or an address'
  if (canonical === host) return host
  throw invalid(`each host of origins must be written as clients write it: ${canonical}`)
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
