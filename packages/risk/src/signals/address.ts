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
  { address }: Observation,
  network: FindNetwork | undefined,
): void {
  moment.place = undefined
  moment.prefix = address === undefined ? 0 : (moment.cells[CELL.prefix] as number)
  if (address === undefined || address === sketch.address) return
  sketch.address = address
  moment.prefix = hashText(addressPrefix(address))
  moment.cells[CELL.prefix] = moment.prefix
  if (network !== undefined) moment.place = askNetwork(network, address)
}

function askNetwork(network: FindNetwork, address: string): NetworkPlace | undefined {
  try {
    return network(address)
  } catch {
    // A broken source of networks takes one hint away, and no request.
    return undefined
  }
}
