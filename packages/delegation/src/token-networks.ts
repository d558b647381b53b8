import { Refusal } from '@countermark/core'
import { compileIpNetworks, type IpNetworks } from './ip-networks.ts'
import { type JsonObject, ownMember } from './strict-json.ts'

/**
 * Reads `restrictip` of plain agent tokens: an address, a network, or a list of them. `undefined`: from anywhere.
 * @throws {@link Refusal} `token_invalid`
 */
export function readNetworks(claims: JsonObject): IpNetworks | undefined {
  if (!Object.hasOwn(claims, 'restrictip')) return undefined
  const networks = compileIpNetworks([ownMember(claims, 'restrictip')].flat())
  if (networks !== undefined) return networks
  throw new Refusal('token_invalid', 'the token has a restrictip that names no address and no network')
}

/** The networks that lie in both. */
export function bothNetworks(one: IpNetworks | undefined, other: IpNetworks | undefined): IpNetworks | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return { contains: (address) => one.contains(address) && other.contains(address) }
}
