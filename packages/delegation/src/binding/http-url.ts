/** `scheme://authority` and path. Userinfo, query and fragment are read over. */
const HTTP_URL = /^(https?):\/\/(?:[^/?#@]*@)?([^/?#@]+)([^?#]*)/i
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/i
const DEFAULT_PORT: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * An http URL without query and fragment, in the normal form of RFC 3986 sections 6.2.2.1, 6.2.2.2 and 6.2.3, as RFC 9449
 * section 4.3 compares them. Dot segments stay: routers do not remove them, so `/a/../b` is not `/b`. `undefined` for
 * what is no such URL.
 */
export function normaliseHttpUrl(text: string): string | undefined {
  const [, givenScheme = '', authority = '', path = ''] = HTTP_URL.exec(text) ?? []
  const [, givenHost = '', port] = HOST.exec(authority) ?? []
  const scheme = givenScheme.toLowerCase()
  const host = normaliseHost(givenHost)
  if (scheme === '' || host === undefined || !(Number(port ?? 0) <= 65_535)) return undefined
  const isDefault = port === undefined || port === DEFAULT_PORT[scheme]
  const normalPath = normalisePath(path === '' ? '/' : path)
  return normalPath === undefined ? undefined : `${scheme}://${host}${isDefault ? '' : `:${port}`}${normalPath}`
}

function normaliseHost(host: string): string | undefined {
  if (!host.startsWith('[')) return host === '' ? undefined : host.toLowerCase()
  return URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : undefined
}

const PLAIN_PATH = /^[A-Za-z0-9/_.~!$&'()*+,;=:@-]*$/
const ENCODED_PATH = /^(?:[A-Za-z0-9/_.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*$/

function normalisePath(path: string): string | undefined {
  if (PLAIN_PATH.test(path)) return path
  if (!ENCODED_PATH.test(path)) return undefined
  return path.replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : encoded.toUpperCase()
  })
}
