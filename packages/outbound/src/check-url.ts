import { isGlobalAddress, toLiteral } from './addresses.ts'
import { OutboundError } from './outbound-error.ts'

/** Which URLs may be fetched. */
export interface UrlRules {
  readonly allowHttp: boolean
  readonly allowPrivateAddresses: boolean
  readonly ports: readonly number[] | 'any'
}

const MAX_URL_LENGTH = 2_048
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80 }

/**
 * Parses a URL that may be fetched: `https`, on a known port, without credentials, and not naming a private address.
 * @throws {@link OutboundError} `url_refused`, `address_refused`
 */
export function checkUrl(text: string, rules: UrlRules): URL {
  const url = parseUrl(text)
  if (url.protocol !== 'https:' && !(rules.allowHttp && url.protocol === 'http:')) {
    throw refused(url.protocol === 'http:' ? 'http needs allowHttp: true' : 'the URL must be https')
  }
  if (url.username !== '' || url.password !== '') throw refused('the URL must not hold credentials; use headers')
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port)
  if (rules.ports !== 'any' && !(port !== undefined && rules.ports.includes(port))) {
    throw refused(`port ${port} is not in ports`)
  }
  const literal = toLiteral(url.hostname)
  if (literal !== undefined && !rules.allowPrivateAddresses && !isGlobalAddress(literal.address)) {
    throw new OutboundError('address_refused', 'a private address needs allowPrivateAddresses: true')
  }
  return url
}

function parseUrl(text: string): URL {
  if (text.length > MAX_URL_LENGTH) throw refused('the URL is too long')
  try {
    const url = new URL(text)
    url.hash = ''
    return url
  } catch (cause) {
    throw new OutboundError('url_refused', 'expected an absolute URL', { cause })
  }
}

function refused(message: string): OutboundError {
  return new OutboundError('url_refused', message)
}
