import type { Worker } from 'node:worker_threads'
import type { ChainEnd } from '../../record/chain.ts'
import { fromPlainError, type ThreadNote, type ThreadOrder } from './thread-messages.ts'

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
