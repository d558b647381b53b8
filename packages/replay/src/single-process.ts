import cluster from 'node:cluster'
import { Misconfigured } from '@countermark/core'

/** What tells of several processes. */
export interface ProcessSurroundings {
  readonly isClusterWorker: boolean
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** What this process was started with. */
export function readSurroundings(): ProcessSurroundings {
  return { isClusterWorker: cluster.isWorker, variables: process.env }
}

/**
 * Refuses memory that other processes cannot see where there may be others: each of them would accept a request once.
 * @throws {@link Misconfigured} `ERR_REPLAY_SINGLE_PROCESS`
 */
export function requireSingleProcess(surroundings: ProcessSurroundings): void {
  const sign = signOfSeveral(surroundings)
  if (sign === undefined) return
  throw new Misconfigured(
    'ERR_REPLAY_SINGLE_PROCESS',
    `memoryReplayStore sees one process only, and ${sign}; use redisReplayStore, or say allowSingleProcess: true`,
  )
}

function signOfSeveral({ isClusterWorker, variables }: ProcessSurroundings): string | undefined {
  if (isClusterWorker) return 'this is a worker of a cluster'
  // Set by pm2 for each instance it starts.
  if (variables['NODE_APP_INSTANCE'] !== undefined) return 'NODE_APP_INSTANCE is set'
  if (Number(variables['WEB_CONCURRENCY'] ?? 1) > 1) return 'WEB_CONCURRENCY is above 1'
  if (variables['NODE_ENV'] === 'production') return 'NODE_ENV is production'
  return undefined
}
