import { Misconfigured } from '@countermark/core'
import {
  findSignOfOthers,
  type ProcessSurroundings,
  readSurroundings,
  requireBoolean,
} from '@countermark/core/internal'

/** A store in memory, and what to use instead. */
export interface StoreInMemory {
  readonly name: string
  readonly instead: string
  readonly allowSingleProcess: boolean | undefined
}

/**
 * Refuses memory that other processes cannot see where there may be others.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS`
 */
export function requireSingleProcess(
  { name, instead, allowSingleProcess = false }: StoreInMemory,
  surroundings: ProcessSurroundings = readSurroundings(),
): void {
  const sign = requireBoolean('allowSingleProcess', allowSingleProcess) ? undefined : findSignOfOthers(surroundings)
  if (sign === undefined) return
  throw new Misconfigured(
    'ERR_STORE_SINGLE_PROCESS',
    `${name} sees one process only, and ${sign}; use ${instead}, or say allowSingleProcess: true`,
  )
}
