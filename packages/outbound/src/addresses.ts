import { BlockList, isIP } from 'node:net'
import { OutboundError } from './outbound-error.ts'

/** An address that a name stands for. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Finds all addresses of a host name. */
export type ResolveAddresses = (hostname: string) => Promise<readonly ResolvedAddress[]>

/** What the operating system answers, hosts file included. */
export const systemResolve: ResolveAddresses = (hostname) =>
  process.getBuiltinModule('node:dns/promises').lookup(hostname, { all: true })

/** How a host is resolved. */
export interface ResolveRules {
  readonly resolve: ResolveAddresses
  readonly allowPrivateAddresses: boolean
}

/**
 * The addresses to connect to, every one of them checked. One that is not global spoils the whole answer: a name that
 * stands for a public and a private host at once is an attempt to slip past this check.
 * @throws {@link OutboundError} `dns_failed`, `address_refused`
 */
export async function resolveChecked(hostname: string, rules: ResolveRules): Promise<readonly ResolvedAddress[]> {
  const addresses = await findAddresses(hostname, rules.resolve)
  if (!rules.allowPrivateAddresses && !addresses.every(({ address }) => isGlobalAddress(address))) {
    throw new OutboundError(
      'address_refused',
      'the host is not on the public Internet; allowPrivateAddresses: true accepts it',
    )
  }
  return addresses
}

async function findAddresses(hostname: string, resolve: ResolveAddresses): Promise<readonly ResolvedAddress[]> {
  const literal = toLiteral(hostname)
  if (literal !== undefined) return [literal]
  try {
    const addresses = await resolve(hostname)
    if (addresses.length > 0 && addresses.every(({ address }) => isIP(address) !== 0)) return addresses
  } catch (cause) {
    throw new OutboundError('dns_failed', 'the host name cannot be resolved', { cause })
  }
  throw new OutboundError('dns_failed', 'the host name has no address')
}

/** The address that a URL's host spells out, if it does. */
export function toLiteral(hostname: string): ResolvedAddress | undefined {
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  const family = isIP(address)
  return family === 0 ? undefined : { address, family }
}

type Network = readonly [prefix: string, length: number]

/** IPv4 networks that are not for everybody (IANA IPv4 Special-Purpose Address Registry). */
const SPECIAL_V4: readonly Network[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32], // a public number, yet Azure's own host for each of its machines
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** All of IPv6 that may be global: unicast (RFC 4291 section 2.4) and IPv4 behind NAT64 (RFC 6052 section 2.1). */
const GLOBAL_V6: readonly Network[] = [
  ['2000::', 3],
  ['64:ff9b::', 96],
]

/** Parts of it that are not: protocol assignments with Teredo, documentation, 6to4 (IANA IPv6 registry). */
const SPECIAL_V6: readonly Network[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

interface AddressLists {
  readonly specialV4: BlockList
  readonly globalV6: BlockList
  readonly specialV6: BlockList
}

function createAddressLists(): AddressLists {
  const specialV4 = new BlockList()
  const globalV6 = new BlockList()
  const specialV6 = new BlockList()
  for (const [prefix, length] of GLOBAL_V6) globalV6.addSubnet(prefix, length, 'ipv6')
  for (const [prefix, length] of SPECIAL_V6) specialV6.addSubnet(prefix, length, 'ipv6')
  for (const [prefix, length] of SPECIAL_V4) {
    specialV4.addSubnet(prefix, length, 'ipv4')
    specialV6.addSubnet(`64:ff9b::${prefix}`, 96 + length, 'ipv6')
  }
  return { specialV4, globalV6, specialV6 }
}

/** Made for the first address that is checked: most of what is imported never fetches. */
let lists: AddressLists | undefined

/**
 * Whether an address belongs to the public Internet. `false` for private, loopback, link-local, multicast and reserved
 * ones, for IPv4 dressed as IPv6 (mapped, compatible, 6to4, Teredo), for zones, and for what is no address.
 */
export function isGlobalAddress(address: string): boolean {
  lists ??= createAddressLists()
  const { specialV4, globalV6, specialV6 } = lists
  const version = isIP(address)
  if (version === 4) return !specialV4.check(address, 'ipv4')
  if (version !== 6 || address.includes('%')) return false
  return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6')
}
