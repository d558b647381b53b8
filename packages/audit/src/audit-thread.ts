import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@countermark/core/internal'
import { SecretMask } from './record/secret-mask.ts'
import type { RecordInput } from './record/write-record.ts'
import { createFileSink } from './sinks/file/file-sink.ts'
import { LocalWriter } from './trail/record-writer.ts'
import {
  type ThreadNote,
  type ThreadOrder,
  ThreadProgress,
  type ThreadStart,
  toPlainError,
} from './trail/thread/thread-line.ts'

// The program of the thread that writes a trail. Loaded anywhere else, it does nothing.
if (parentPort !== null && workerData?.countermark === 'audit') serve(parentPort, workerData.start)

function serve(port: MessagePort, start: ThreadStart): void {
  const tell = createTeller(port)
  const writer = createWriter(start, tell)
  port.on('message', (order: ThreadOrder) => {
    if (order.type === 'write') {
      const inputs: readonly RecordInput[] = JSON.parse(order.inputs)
      return writer.write(inputs)
    }
    const { call, type } = order
    writer[type]().then(
      (found) => tell({ type: 'answer', call, found: found ?? undefined }),
      (error: unknown) => tell({ type: 'refusal', call, error: toPlainError(error) }),
    )
  })
  tell({ type: 'hello' })
}

function createWriter(start: ThreadStart, tell: (note: ThreadNote) => void): LocalWriter {
  const { bufferRecords, chain, deadlineMs, files, secretNames, startedAtMs } = start
  const progress = new ThreadProgress(start.progress)
  const clock = systemClock
  const sinks = files.map((settings, file) => {
    const onRotated = (path: string): void => tell({ type: 'rotated', file, path })
    return createFileSink({ ...settings, onRotated, clock, tell: (message) => tell({ type: 'told', message }) })
  })
  return new LocalWriter(
    { sinks, mask: new SecretMask(secretNames), chain, startedAtMs, bufferRecords, deadlineMs, clock },
    {
      durable: (count, end) => {
        progress.advance(count)
        tell({ type: 'durable', count, end })
      },
      failed: (cause) => tell({ type: 'failed', error: toPlainError(cause) }),
      report: (measurement) => tell({ type: 'measured', measurement }),
    },
  )
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
