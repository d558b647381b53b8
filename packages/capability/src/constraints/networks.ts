import { type IpNetwork, tryParseNetwork } from '@countermark/core/internal'
import type { ReadLimit } from './constraint-check.ts'
import { findTexts } from './lists.ts'

/** The caller's address lies in one of the networks. */
export const addressInside: ReadLimit = (limit) => {
  const networks = findNetworks(limit)
  return networks && (({ context }) => (isInside(networks, context?.remoteAddress) ? 'met' : 'violated'))
}

/** The caller's address is known and lies in none of the networks. */
export const addressOutside: ReadLimit = (limit) => {
  const networks = findNetworks(limit)
  if (networks === undefined) return undefined
  return ({ context }) => {
    const address = context?.remoteAddress
    return address !== undefined && !isInside(networks, address) ? 'met' : 'violated'
  }
}

function findNetworks(limit: unknown): readonly IpNetwork[] | undefined {
  const networks = findTexts(limit)?.map(tryParseNetwork)
  return networks?.every((network) => network !== undefined) === true ? networks : undefined
}

function isInside(networks: readonly IpNetwork[], address: string | undefined): boolean {
  return address !== undefined && networks.some((network) => network.contains(address))
}
