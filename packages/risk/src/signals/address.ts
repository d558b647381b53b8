import { addressPrefix } from '@countermark/core/internal'
import type { Observation } from '../observation.ts'
import { hashText } from '../sketch/hash.ts'
import { CELL } from '../sketch/layout.ts'
import type { Sketch } from '../sketch/sketches.ts'
import type { FindNetwork, NetworkPlace } from './network-place.ts'
import type { Moment } from './signal.ts'

/** Notes from where a request came; asks about an address only when it is another one than before. */
export function lookAtNetwork(
  sketch: Sketch,
  moment: Moment,
  { address, prefix, place }: Observation,
  network: FindNetwork | undefined,
): void {
  moment.place = undefined
  if (prefix !== undefined) {
    moment.prefix = prefix
    moment.place = place
    moment.cells[CELL.prefix] = prefix
    return
  }
  moment.prefix = address === undefined ? 0 : (moment.cells[CELL.prefix] as number)
  if (address === undefined || address === sketch.address) return
  sketch.address = address
  moment.prefix = prefixOfAddress(address)
  moment.cells[CELL.prefix] = moment.prefix
  moment.place = placeOfAddress(network, address)
}

/** The network that an address lies in, hashed. */
export function prefixOfAddress(address: string): number {
  return hashText(addressPrefix(address))
}

/** Where an address belongs; `undefined` where no source knows. */
export function placeOfAddress(network: FindNetwork | undefined, address: string): NetworkPlace | undefined {
  try {
    return network?.(address)
  } catch {
    // A broken source of networks takes one hint away, and no request.
    return undefined
  }
}
