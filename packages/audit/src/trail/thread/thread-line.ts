import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type Clock, isMisconfigured, Misconfigured } from '@countermark/core'
import type { Measurement, MisconfiguredCode } from '@countermark/core/internal'
import type { ChainEnd } from '../../record/chain.ts'
import type { FileSettings } from '../../sinks/file/file-sink.ts'
import { codeOf, messageOf } from '../../sinks/file/file-system.ts'

/** What comes from a thread. */
export interface ThreadLineListener {
  readonly told: (note: ThreadNote) => void
  /** It is gone, for any reason. */
  readonly ended: (error: Error) => void
}

interface Call {
  readonly resolve: (found: ChainEnd | undefined) => void
  readonly reject: (error: unknown) => void
}

/** The way to one thread and back, for as long as it lives. */
export class ThreadLine {
  /** Once the thread runs. Rejects when it ends before. */
  readonly hello: Promise<ChainEnd | undefined>
  private readonly worker: Worker
  private readonly listener: ThreadLineListener
  private readonly calls = new Map<number, Call>()
  private greeting: Call | undefined
  private lastCall = 0
  private failure: Error | undefined
  private isWanted = false
  private isKept = true

  constructor(worker: Worker, listener: ThreadLineListener) {
    this.worker = worker
    this.listener = listener
    this.hello = new Promise((resolve, reject) => {
      this.greeting = { resolve, reject }
    })
    this.hello.then(
      () => this.keep(),
      () => undefined,
    )
    worker.on('message', (notes: readonly ThreadNote[]) => {
      for (const note of notes) this.hear(note)
    })
    worker.on('error', (error) => {
      this.failure = error
    })
    worker.on('exit', (code) => this.end(this.failure ?? new Error(`it ended with code ${code}`)))
  }

  /** @throws what the thread throws, or that it ended */
  call(type: Exclude<ThreadOrder['type'], 'write'>): Promise<ChainEnd | undefined> {
    return new Promise((resolve, reject) => {
      this.lastCall += 1
      this.calls.set(this.lastCall, { resolve, reject })
      this.keep()
      this.worker.postMessage({ type, call: this.lastCall } satisfies ThreadOrder)
    })
  }

  /** Sends records, a JSON list of them. */
  write(inputs: string): void {
    this.worker.postMessage({ type: 'write', inputs } satisfies ThreadOrder)
  }

  /** Whether the process may not end without it. */
  hold(isHeld: boolean): void {
    this.isWanted = isHeld
    this.keep()
  }

  async terminate(): Promise<void> {
    await this.worker.terminate()
  }

  private hear(note: ThreadNote): void {
    if (note.type === 'hello') this.greeting?.resolve(undefined)
    else if (note.type === 'answer') this.settle(note.call, ({ resolve }) => resolve(note.found))
    else if (note.type === 'refusal') this.settle(note.call, ({ reject }) => reject(fromPlainError(note.error)))
    else this.listener.told(note)
  }

  private settle(number: number, answer: (call: Call) => void): void {
    const call = this.calls.get(number)
    this.calls.delete(number)
    this.keep()
    if (call !== undefined) answer(call)
  }

  private end(error: Error): void {
    this.greeting?.reject(error)
    for (const { reject } of this.calls.values()) reject(error)
    this.calls.clear()
    this.listener.ended(error)
  }

  private keep(): void {
    const keeps = this.isWanted || this.calls.size > 0
    if (keeps === this.isKept) return
    this.isKept = keeps
    if (keeps) this.worker.ref()
    else this.worker.unref()
  }
}

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

/** One number that both threads see without a message: how many records are durable. */
export class ThreadProgress {
  readonly shared: SharedArrayBuffer
  private readonly count: Int32Array

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.shared = shared
    this.count = new Int32Array(shared)
  }

  read(): number {
    return Atomics.load(this.count, 0)
  }

  advance(count: number): void {
    Atomics.store(this.count, 0, count)
    Atomics.notify(this.count, 0)
  }

  /** Blocks this thread until so many are durable, or the time has passed. */
  waitFor(count: number, deadlineMs: number, clock: Clock): void {
    const endMs = clock.monotonicMs() + deadlineMs
    for (let leftMs = deadlineMs; leftMs > 0; leftMs = endMs - clock.monotonicMs()) {
      const seen = this.read()
      if (seen >= count) return
      Atomics.wait(this.count, 0, seen, leftMs)
    }
  }
}
