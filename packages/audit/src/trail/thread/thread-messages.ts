import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { isMisconfigured, Misconfigured } from '@countermark/core'
import type { Measurement, MisconfiguredCode } from '@countermark/core/internal'
import type { ChainEnd } from '../../record/chain.ts'
import type { FileSettings } from '../../sinks/file/file-sink.ts'
import { codeOf, messageOf } from '../../sinks/file/file-trouble.ts'

/** What a thread is given when it starts. */
export interface ThreadStart {
  readonly chain: string
  readonly startedAtMs: number
  readonly secretNames: readonly string[]
  readonly bufferRecords: number
  readonly deadlineMs: number
  readonly files: readonly FileSettings[]
  /** One number that both threads see: how many records are durable. */
  readonly progress: SharedArrayBuffer
}

/** What the thread is told to do. `inputs` are plain JSON, many at once. */
export type ThreadOrder =
  | { readonly type: 'start' | 'ready' | 'drain' | 'close'; readonly call: number }
  | { readonly type: 'write'; readonly inputs: string }

/** What the thread tells. */
export type ThreadNote =
  | { readonly type: 'hello' }
  | { readonly type: 'answer'; readonly call: number; readonly found: ChainEnd | undefined }
  | { readonly type: 'refusal'; readonly call: number; readonly error: PlainError }
  | { readonly type: 'durable'; readonly count: number; readonly end: ChainEnd }
  | { readonly type: 'failed'; readonly error: PlainError }
  | { readonly type: 'measured'; readonly measurement: Measurement }
  | { readonly type: 'rotated'; readonly file: number; readonly path: string }
  | { readonly type: 'told'; readonly message: string }

/** What is left of an error on its way between threads. */
export interface PlainError {
  readonly message: string
  readonly code: string | undefined
  readonly misconfigured: MisconfiguredCode | undefined
}

/** Takes an error apart. */
export function toPlainError(error: unknown): PlainError {
  return {
    message: messageOf(error),
    code: codeOf(error),
    misconfigured: isMisconfigured(error) ? error.code : undefined,
  }
}

/** Puts it together again. */
export function fromPlainError({ message, code, misconfigured }: PlainError): Error {
  if (misconfigured !== undefined) return new Misconfigured(misconfigured, message.replace(` [${misconfigured}]`, ''))
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

/** Starts a thread that writes a trail. */
export type StartThread = (start: ThreadStart) => Worker

/** What starts threads here; `undefined` where another thread would be no help, or its program is missing. */
export function threadStarter(): StartThread | undefined {
  const address = findAddress()
  if (availableParallelism() < 2 || address === undefined) return undefined
  const isSource = address.endsWith('.ts')
  const program = new URL(isSource ? '../../audit-thread.ts' : './audit-thread.mjs', address)
  if (isSource && !readsSources()) return undefined
  if (program.protocol !== 'file:' || !existsSync(fileURLToPath(program))) return undefined
  // What an application preloads, such as telemetry, has no business in this thread.
  return (start) => startThread(program, start, isSource ? process.execArgv : [])
}

/** A bundler may have put this code somewhere else, without the program beside it, or where code has no address. */
function findAddress(): string | undefined {
  try {
    return import.meta.url
  } catch {
    // CommonJS in an ES module: what stands here is made of a `__filename` that is not there.
    return undefined
  }
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
