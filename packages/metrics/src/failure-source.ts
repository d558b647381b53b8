import { isIPv6 } from 'node:net'
import { addressPrefix } from '@countermark/core/internal'

/** What failures are counted by: an IPv4 address, or the /64 of an IPv6 address, since its owner has all of them. */
export function sourceOf(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)(?:%|$)/i.exec(address)
  return mapped?.[1] ?? addressPrefix(address)
}
