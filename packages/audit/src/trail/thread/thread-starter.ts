import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ThreadStart } from './thread-messages.ts'

/** Starts a thread that writes a trail. */
export type StartThread = (start: ThreadStart) => Worker

/** What starts threads here; `undefined` where another thread would be no help, or its program is not there. */
export function threadStarter(): StartThread | undefined {
  // A bundler may have put this code into CommonJS, where it has no address, or somewhere else, without the program beside it.
  const address: string | undefined = import.meta.url
  if (availableParallelism() < 2 || address === undefined) return undefined
  const isSource = address.endsWith('.ts')
  const program = new URL(isSource ? '../../audit-thread.ts' : './audit-thread.mjs', address)
  if (isSource && !readsSources()) return undefined
  if (program.protocol !== 'file:' || !existsSync(fileURLToPath(program))) return undefined
  // What an application preloads, such as telemetry, has no business in this thread.
  return (start) => startThread(program, start, isSource ? process.execArgv : [])
}

/** Starts the program of the thread. */
export function startThread(program: URL, start: ThreadStart, execArgv: readonly string[]): Worker {
  return new Worker(program, { workerData: { countermark: 'audit', start }, execArgv: [...execArgv] })
}

/** Node must read TypeScript by itself, as hooks that do it do not reach a thread, and the condition that names sources. */
function readsSources(): boolean {
  const readsTypes = Boolean(Reflect.get(process.features, 'typescript'))
  return readsTypes && process.execArgv.some((argument) => argument.includes('@countermark/source'))
}
