import type { HeaderFields } from '../header-fields.ts'
import { canonicalAddress, type IpNetworks, tryParseNetworks } from '../internal/ip.ts'
import { Misconfigured } from '../misconfigured.ts'

/** Finds the caller's address from the socket's and what trusted proxies add. */
export type FindClientAddress = (socketAddress: string | undefined, headers: HeaderFields) => string | undefined

/**
 * Walks X-Forwarded-For from the right for as long as the hop that wrote an entry is one of `trustedProxies` (CIDR or
 * single addresses). An entry that is no IP address ends in `undefined`: nobody's address, never the client's word.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function createClientAddress(trustedProxies: readonly string[]): FindClientAddress {
  if (trustedProxies.length === 0) return (socketAddress) => canonicalAddress(socketAddress ?? '')
  const trusted = requireNetworks(trustedProxies)
  return (socketAddress, headers) => {
    let address = canonicalAddress(socketAddress ?? '')
    const hops = headers.lines('x-forwarded-for').join(',').split(',')
    while (address !== undefined && hops.length > 0 && trusted.contains(address)) {
      const hop = hops.pop()?.trim() ?? ''
      if (hop === '' && hops.length === 0) return address
      address = canonicalAddress(hop)
    }
    return address
  }
}

function requireNetworks(texts: readonly string[]): IpNetworks {
  const networks = tryParseNetworks(texts)
  if (networks !== undefined) return networks
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of trustedProxies must be an address or a network such as 10.0.0.0/8',
  )
}
