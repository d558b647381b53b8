import { type Clock, type Measurement, Unavailable } from '@countermark/core'
import { AUDIT_SCHEMA_VERSION, type EventRecord } from './audit-record.ts'
import type { AuditSink, ChainEnd, FoundTrail, SealedRecord } from './audit-sink.ts'
import { createChain, newChainName } from './chain.ts'
import { type CheckpointOptions, createCheckpoints } from './checkpoints.ts'
import type { UnsealedRecord } from './seal-record.ts'
import { createSinkQueue, type SinkQueue } from './sink-queue.ts'

/** What a trail writes with. */
export interface TrailWriterOptions {
  readonly sinks: readonly AuditSink[]
  readonly checkpoints: CheckpointOptions | undefined
  readonly bufferRecords: number
  readonly deadlineMs: number
  readonly flushMs: number
  readonly clock: Clock
  readonly report: (measurement: Measurement) => void
}

/** Makes a record once its name is known. */
export type WriteRecord = (id: string) => UnsealedRecord

/** Seals records in the order in which they come and sees to it that they reach the sinks. */
export interface TrailWriter {
  readonly hasRoom: () => boolean
  /** Whether a record that comes now would be tried at once. */
  readonly wouldTry: () => boolean
  /** Takes a record for whom nobody waits. Answers with its name. */
  readonly add: (write: WriteRecord) => string
  /** Takes a record and answers once a sink has it. @throws Unavailable `audit_unavailable` */
  readonly addAndWait: (write: WriteRecord) => { readonly id: string; readonly durable: Promise<void> }
  /** @throws what the first sink throws that cannot be opened */
  readonly ready: () => Promise<void>
  /** @throws Unavailable `audit_unavailable` when no sink has all records */
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
}

interface Pending {
  readonly id: string
  readonly write: WriteRecord
}

interface Waiter {
  readonly seq: number
  readonly id: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const PROBE_MS = 100
const BATCH = 256

/** Makes the writer of one trail, and with it one chain. */
export function createTrailWriter(options: TrailWriterOptions): TrailWriter {
  const { sinks, bufferRecords, clock, deadlineMs, flushMs, report } = options
  const startedAtMs = clock.wallMs()
  const chain = createChain(newChainName(startedAtMs))
  const checkpoints = options.checkpoints && createCheckpoints(options.checkpoints, { clock, deadlineMs, report })
  const unsealed: Pending[] = []
  let waiters: Waiter[] = []
  // The first record says that the trail began: it is written when the sinks have told which one it goes on with.
  let nextSeq = 2
  let durableSeq = 0
  let isStarted = false
  let starting: Promise<void> | undefined
  let failedStartMs = Number.NEGATIVE_INFINITY
  let startFailure: unknown
  let timer: NodeJS.Timeout | NodeJS.Immediate | undefined
  let isUrgent = false

  const queues: readonly SinkQueue[] = sinks.map((sink) =>
    createSinkQueue(
      sink,
      { deadlineMs, clock, maxRecords: bufferRecords },
      {
        written: (end) => (sink.durable ? settleDurable(end) : undefined),
        failed: settleFailed,
        report,
        isSafe: ({ seq }) => seq <= durableSeq,
      },
    ),
  )

  /** Those whose word counts: a copy that nobody confirms is no record. */
  const holders = queues.filter(({ durable }) => durable)

  function settleDurable(end: ChainEnd): void {
    if (end.seq <= durableSeq) return
    durableSeq = end.seq
    const { chain: name, seq, hash } = end
    const count = waiters.findIndex((waiter) => waiter.seq > seq)
    const done = waiters.splice(0, count < 0 ? waiters.length : count)
    for (const { resolve } of done) resolve()
    checkpoints?.advance({ chain: name, seq, hash })
  }

  /** While another sink still tries there is hope. */
  function settleFailed(cause: unknown): void {
    if (holders.every((queue) => queue.isFailing())) refuseWaiters(cause)
  }

  /** What was to be recorded stays in line; that it was not there in time is recorded too. */
  function refuseWaiters(cause: unknown): void {
    const refused = waiters
    waiters = []
    for (const { id, reject } of refused) {
      add((own) => eventRecord(own, 'decision_withheld', { code: 'audit_unavailable', of: id }, clock.wallMs()))
      reject(unavailable('no sink took the record in time', cause))
    }
  }

  async function start(): Promise<void> {
    const results = await Promise.allSettled(queues.map((queue) => queue.open()))
    const opened = results.filter((result) => result.status === 'fulfilled')
    const [failure] = results.filter((result) => result.status === 'rejected')
    if (opened.length === 0) {
      failedStartMs = clock.monotonicMs()
      startFailure = failure?.reason
      throw failure?.reason
    }
    const found = opened.map(({ value }) => value).find((value) => value !== undefined)
    const first = eventRecord(`${chain.name}.1`, 'trail_started', startDetails(found), startedAtMs)
    isStarted = true
    distribute([first])
  }

  function startOnce(): Promise<void> {
    starting ??= start().finally(() => {
      starting = undefined
    })
    return starting
  }

  function distribute(records: readonly UnsealedRecord[]): void {
    const sealed = records.map(sealOrTell)
    for (const queue of queues) queue.push(sealed)
  }

  function writeOrTell({ id, write }: Pending): UnsealedRecord {
    try {
      return write(id)
    } catch {
      return eventRecord(id, 'record_unwritable', { type: 'decision' }, clock.wallMs())
    }
  }

  /** A fact that JSON cannot say, from a check of somebody else, must not leave a gap in the chain. */
  function sealOrTell(record: UnsealedRecord): SealedRecord {
    try {
      return chain.seal(record)
    } catch {
      // What is wrong with it is not worth a line: it may hold anything.
      const details = { type: record.record.type }
      return chain.seal(eventRecord(record.record.id, 'record_unwritable', details, clock.wallMs()))
    }
  }

  async function seal(): Promise<void> {
    timer = undefined
    isUrgent = false
    try {
      if (!isStarted) await startOnce()
    } catch (error) {
      refuseWaiters(error)
      return
    }
    if (unsealed.length > 0) distribute(unsealed.splice(0).map(writeOrTell))
  }

  /** Everything that comes in one turn of the loop goes out together; what nobody waits for may wait a little longer. */
  function schedule(urgent: boolean): void {
    if (timer !== undefined && (isUrgent || !urgent)) return
    if (timer !== undefined) clearTimeout(timer as NodeJS.Timeout)
    isUrgent = urgent
    timer = urgent ? setImmediate(() => void seal()) : setTimeout(() => void seal(), flushMs)
  }

  function add(write: WriteRecord, urgent = false): string {
    const id = `${chain.name}.${nextSeq}`
    unsealed.push({ id, write })
    nextSeq += 1
    // So many at once that the work is warm, so few that nothing they hold grows old.
    schedule(urgent || unsealed.length >= BATCH)
    return id
  }

  async function flush(): Promise<void> {
    const wanted = nextSeq - 1
    await seal()
    await Promise.all(queues.map((queue) => queue.drain()))
    if (durableSeq < wanted && isStarted) throw unavailable('no sink has all records', undefined)
    if (!isStarted) throw unavailable('no sink could be opened', startFailure)
    await checkpoints?.flush()
  }

  return {
    hasRoom: () => nextSeq - durableSeq <= bufferRecords,
    wouldTry: () =>
      isStarted ? holders.some((queue) => queue.wouldTry()) : clock.monotonicMs() - failedStartMs >= PROBE_MS,
    add,
    addAndWait: (write) => {
      const seq = nextSeq
      const id = add(write, true)
      const durable = new Promise<void>((resolve, reject) => void waiters.push({ seq, id, resolve, reject }))
      return { id, durable }
    },
    ready: async () => {
      await Promise.all(queues.map((queue) => queue.open()))
      await seal()
    },
    flush,
    close: async () => {
      try {
        await flush()
      } finally {
        await Promise.all([...queues.map((queue) => queue.close()), checkpoints?.close()])
      }
    },
  }
}

function startDetails(found: FoundTrail | undefined): EventRecord['details'] {
  const { end, partialBytes } = found ?? {}
  return {
    ...(end === undefined ? {} : { follows: { chain: end.chain, seq: end.seq, hash: end.hash } }),
    ...(partialBytes === undefined ? {} : { partialBytes }),
  }
}

function eventRecord(id: string, event: string, details: EventRecord['details'], atMs: number): UnsealedRecord {
  const at = new Date(atMs).toISOString()
  return { record: { v: AUDIT_SCHEMA_VERSION, type: 'event', id, at, event, details, commitments: {} }, private: {} }
}

/** No record, no answer. */
export function unavailable(message: string, cause: unknown): Unavailable {
  return new Unavailable('audit_unavailable', 'audit', message, { cause })
}
