import { BlockList, isIP } from 'node:net'
import { canonicalAddress } from '@countermark/core/internal'

/** Networks of IP addresses. */
export interface IpNetworks {
  /** Whether an address, in any of its spellings, lies in one of them. */
  readonly contains: (address: string) => boolean
}

const PREFIX = /^(?:0|[1-9][0-9]{0,2})$/

/** Compiles addresses and networks such as `192.0.2.0/24`; `undefined` when one of them is neither. */
export function compileIpNetworks(texts: readonly unknown[]): IpNetworks | undefined {
  // One list for each family: a single one would count every IPv4 address among the networks of IPv6.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const text of texts) {
    const network = parseNetwork(text)
    if (network === undefined) return undefined
    lists[network.family].addSubnet(network.address, network.length, network.family)
  }
  return {
    contains: (address) => {
      const canonical = canonicalAddress(address)
      if (canonical === undefined) return false
      const family = familyOf(canonical)
      return lists[family].check(canonical, family)
    },
  }
}

interface Network {
  readonly address: string
  readonly length: number
  readonly family: 'ipv4' | 'ipv6'
}

/** An IPv4-mapped network is the IPv4 network it maps: addresses are compared in their canonical form. */
function parseNetwork(text: unknown): Network | undefined {
  const [given = '', prefix, ...rest] = typeof text === 'string' ? text.split('/', 3) : []
  const address = canonicalAddress(given)
  if (address === undefined || rest.length > 0 || !(prefix === undefined || PREFIX.test(prefix))) return undefined
  const family = familyOf(address)
  const bits = family === 'ipv4' ? 32 : 128
  const mappedBits = isIP(given) === 6 && family === 'ipv4' ? 96 : 0
  const length = prefix === undefined ? bits : Number(prefix) - mappedBits
  return length >= 0 && length <= bits ? { address, length, family } : undefined
}

function familyOf(canonical: string): 'ipv4' | 'ipv6' {
  return isIP(canonical) === 6 ? 'ipv6' : 'ipv4'
}
