import { BlockList, isIP } from 'node:net'
import type { HeaderFields } from '../header-fields.ts'
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
  const trusted = compileNetworks(trustedProxies)
  return (socketAddress, headers) => {
    let address = canonicalAddress(socketAddress ?? '')
    const hops = headers.lines('x-forwarded-for').join(',').split(',')
    while (address !== undefined && hops.length > 0 && contains(trusted, address)) {
      const hop = hops.pop()?.trim() ?? ''
      if (hop === '' && hops.length === 0) return address
      address = canonicalAddress(hop)
    }
    return address
  }
}

/**
 * One spelling per address: IPv4-mapped IPv6 becomes IPv4, everything else IPv6 becomes its shortest form. `undefined`
 * for anything that is not exactly an IP address; a zone or a port makes it none.
 */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 4) return text
  if (family === 0 || text.includes('%')) return undefined
  const compact = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(compact)
  if (mapped === null) return compact
  const high = Number.parseInt(mapped[1] as string, 16)
  const low = Number.parseInt(mapped[2] as string, 16)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/

interface Networks {
  readonly ipv4: BlockList
  readonly ipv6: BlockList
}

/** One list for each family: a single one would count every IPv4 address among the networks of IPv6. */
function compileNetworks(networks: readonly string[]): Networks {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const text of networks) {
    const { address, length, family } = parseNetwork(text)
    lists[family].addSubnet(address, length, family)
  }
  return lists
}

interface Network {
  readonly address: string
  readonly length: number
  readonly family: 'ipv4' | 'ipv6'
}

/** An IPv4-mapped network is the IPv4 network it maps: addresses are compared in their canonical form. */
function parseNetwork(text: string): Network {
  const [given = '', prefix, ...rest] = typeof text === 'string' ? text.split('/') : []
  const address = canonicalAddress(given)
  if (address === undefined || rest.length > 0 || !(prefix === undefined || PREFIX.test(prefix))) throw badNetwork()
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  const bits = family === 'ipv4' ? 32 : 128
  const mappedBits = isIP(given) === 6 && family === 'ipv4' ? 96 : 0
  const length = prefix === undefined ? bits : Number(prefix) - mappedBits
  if (!(length >= 0 && length <= bits)) throw badNetwork()
  return { address, length, family }
}

function badNetwork(): Misconfigured {
  return new Misconfigured(
    'ERR_OPTION_INVALID',
    'each of trustedProxies must be an address or a network such as 10.0.0.0/8',
  )
}

function contains(networks: Networks, address: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return networks[family].check(address, family)
}
