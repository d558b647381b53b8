import type { Worker } from 'node:worker_threads'
import type { ChainEnd } from '../../record/audit-sink.ts'
import { fromPlainError, type ThreadNote, type ThreadOrder } from './thread-messages.ts'

/** The way to one thread and back, for as long as it lives. */
export interface ThreadLine {
  /** Once the thread runs. Rejects when it ends before. */
  readonly hello: Promise<void>
  /** @throws what the thread throws, or that it ended */
  readonly call: (type: Exclude<ThreadOrder['type'], 'write'>) => Promise<ChainEnd | undefined>
  /** Sends records, a JSON list of them. */
  readonly write: (inputs: string) => void
  /** Whether the process may not end without it. */
  readonly hold: (isHeld: boolean) => void
  readonly terminate: () => Promise<void>
}

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

/** Listens to a thread. */
export function createThreadLine(worker: Worker, { told, ended }: ThreadLineListener): ThreadLine {
  const calls = new Map<number, Call>()
  let lastCall = 0
  let failure: Error | undefined
  let open: Call | undefined
  const hello = new Promise<void>((resolve, reject) => {
    open = { resolve: () => resolve(), reject }
  })
  hello.then(keep, () => undefined)

  function answer(number: number, settle: (call: Call) => void): void {
    const call = calls.get(number)
    calls.delete(number)
    keep()
    if (call !== undefined) settle(call)
  }

  let isWanted = false
  let isKept = true
  function keep(): void {
    const keeps = isWanted || calls.size > 0
    if (keeps === isKept) return
    isKept = keeps
    if (keeps) worker.ref()
    else worker.unref()
  }

  worker.on('message', (notes: readonly ThreadNote[]) => {
    for (const note of notes) {
      if (note.type === 'hello') open?.resolve(undefined)
      else if (note.type === 'answer') answer(note.call, ({ resolve }) => resolve(note.found))
      else if (note.type === 'refusal') answer(note.call, ({ reject }) => reject(fromPlainError(note.error)))
      else told(note)
    }
  })
  worker.on('error', (error) => {
    failure = error
  })
  worker.on('exit', (code) => {
    const error = failure ?? new Error(`it ended with code ${code}`)
    open?.reject(error)
    for (const { reject } of calls.values()) reject(error)
    calls.clear()
    ended(error)
  })

  return {
    hello,
    call: (type) =>
      new Promise((resolve, reject) => {
        lastCall += 1
        calls.set(lastCall, { resolve, reject })
        keep()
        worker.postMessage({ type, call: lastCall } satisfies ThreadOrder)
      }),
    write: (inputs) => worker.postMessage({ type: 'write', inputs } satisfies ThreadOrder),
    hold: (isHeld) => {
      isWanted = isHeld
      keep()
    },
    terminate: async () => void (await worker.terminate()),
  }
}
