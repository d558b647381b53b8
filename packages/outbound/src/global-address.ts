import { BlockList, isIP } from 'node:net'

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

const specialV4 = new BlockList()
const globalV6 = new BlockList()
const specialV6 = new BlockList()
for (const [prefix, length] of GLOBAL_V6) globalV6.addSubnet(prefix, length, 'ipv6')
for (const [prefix, length] of SPECIAL_V6) specialV6.addSubnet(prefix, length, 'ipv6')
for (const [prefix, length] of SPECIAL_V4) {
  specialV4.addSubnet(prefix, length, 'ipv4')
  specialV6.addSubnet(`64:ff9b::${prefix}`, 96 + length, 'ipv6')
}

/**
 * Whether an address belongs to the public Internet. `false` for private, loopback, link-local, multicast and reserved
 * ones, for IPv4 dressed as IPv6 (mapped, compatible, 6to4, Teredo), for zones, and for what is no address.
 */
export function isGlobalAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !specialV4.check(address, 'ipv4')
  if (version !== 6 || address.includes('%')) return false
  return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6')
}
