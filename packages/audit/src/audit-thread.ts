import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@countermark/core/internal'
import type { RecordInput } from './record/record-input.ts'
import { secretParameters } from './record/secret-parameters.ts'
import { createFileSink } from './sinks/file/file-sink.ts'
import { createScribe } from './trail/scribe.ts'
import { type ThreadNote, type ThreadOrder, type ThreadStart, toPlainError } from './trail/thread/thread-messages.ts'

// The program of the thread that writes a trail. Loaded anywhere else, it does nothing.
if (parentPort !== null && workerData?.countermark === 'audit') serve(parentPort, workerData.start)

function serve(port: MessagePort, start: ThreadStart): void {
  const { bufferRecords, chain, deadlineMs, files, secretNames, startedAtMs } = start
  const tell = createTeller(port)
  const progress = new Int32Array(start.progress)
  const sinks = files.map((settings, file) =>
    createFileSink({
      ...settings,
      onRotated: (path) => tell({ type: 'rotated', file, path }),
      clock: systemClock,
      tell: (message) => tell({ type: 'told', message }),
    }),
  )
  const scribe = createScribe(
    {
      sinks,
      secrets: secretParameters(secretNames),
      chain,
      startedAtMs,
      bufferRecords,
      deadlineMs,
      clock: systemClock,
    },
    {
      durable: (count, end) => {
        Atomics.store(progress, 0, count)
        Atomics.notify(progress, 0)
        tell({ type: 'durable', count, end })
      },
      failed: (cause) => tell({ type: 'failed', error: toPlainError(cause) }),
      report: (measurement) => tell({ type: 'measured', measurement }),
    },
  )
  port.on('message', (order: ThreadOrder) => {
    if (order.type === 'write') {
      const inputs: readonly RecordInput[] = JSON.parse(order.inputs)
      return scribe.write(inputs)
    }
    const { call, type } = order
    scribe[type]().then(
      (found) => tell({ type: 'answer', call, found: found ?? undefined }),
      (error: unknown) => tell({ type: 'refusal', call, error: toPlainError(error) }),
    )
  })
  tell({ type: 'hello' })
}

/** Tells everything that one turn of the loop has to tell in one message. */
function createTeller(port: MessagePort): (note: ThreadNote) => void {
  let notes: ThreadNote[] = []
  return (note) => {
    if (notes.push(note) > 1) return
    queueMicrotask(() => {
      const told = notes
      notes = []
      port.postMessage(told)
    })
  }
}
