import { isIPv4 } from 'node:net'

/**
 * The network that an address is counted by: /24 of IPv4, /64 of IPv6. A caller with one address there can have all of them.
 * Callers without a known address count as one network.
 */
export function addressPrefix(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const plain = address.slice(address.lastIndexOf(':') + 1)
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`
  return `${firstGroups(address).join(':')}::/64`
}

/** The first four groups of 16 bits, `::` written out (RFC 4291 section 2.2). */
function firstGroups(address: string): readonly string[] {
  const [head = '', tail] = address.split('::', 2).map((part) => part.split(':').filter((group) => group !== ''))
  const groups = [...head]
  if (tail !== undefined)
    groups.push(...new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail)
  return groups.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
}
