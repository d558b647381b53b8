import { requireBoolean } from '../internal/options.ts'
import { Misconfigured } from '../misconfigured.ts'

/** What tells of several processes. */
export interface ProcessSurroundings {
  readonly isClusterWorker: boolean
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** What this process was started with. */
export function readSurroundings(): ProcessSurroundings {
  // Workers have a channel to their primary: without one, the module need not be loaded.
  const cluster = process.send === undefined ? {} : process.getBuiltinModule('node:cluster')
  const isClusterWorker = Reflect.get(cluster, 'isWorker') === true
  return { isClusterWorker, variables: process.env }
}

/** What makes it likely that other processes do the same work; `undefined` when nothing does. */
export function findSignOfOthers({ isClusterWorker, variables }: ProcessSurroundings): string | undefined {
  if (isClusterWorker) return 'this is a worker of a cluster'
  // Set by pm2 for each instance it starts.
  if (variables['NODE_APP_INSTANCE'] !== undefined) return 'NODE_APP_INSTANCE is set'
  if (Number(variables['WEB_CONCURRENCY'] ?? 1) > 1) return 'WEB_CONCURRENCY is above 1'
  if (variables['NODE_ENV'] === 'production') return 'NODE_ENV is production'
  return undefined
}

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
