import { Misconfigured } from '@countermark/core'
import { findSignOfOthers, type ProcessSurroundings } from '@countermark/core/internal'

/**
 * Refuses memory that other processes cannot see where there may be others: each of them would accept a request once.
 * @throws {@link Misconfigured} `ERR_REPLAY_SINGLE_PROCESS`
 */
export function requireSingleProcess(surroundings: ProcessSurroundings): void {
  const sign = findSignOfOthers(surroundings)
  if (sign === undefined) return
  throw new Misconfigured(
    'ERR_REPLAY_SINGLE_PROCESS',
    `memoryReplayStore sees one process only, and ${sign}; use redisReplayStore, or say allowSingleProcess: true`,
  )
}
