import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { isGlobalAddress } from './global-address.ts'
import { OutboundError } from './outbound-error.ts'

/** An address that a name stands for. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Finds all addresses of a host name. */
export type ResolveAddresses = (hostname: string) => Promise<readonly ResolvedAddress[]>

/** What the operating system answers, hosts file included. */
export const systemResolve: ResolveAddresses = (hostname) => lookup(hostname, { all: true })

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
