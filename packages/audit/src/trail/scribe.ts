import type { Clock, Measurement } from '@countermark/core'
import type { EventRecord } from '../record/audit-record.ts'
import type { AuditSink, ChainEnd, FoundTrail, SealedRecord } from '../record/audit-sink.ts'
import { eventInput, type RecordInput, unwritable, writeRecord } from '../record/record-input.ts'
import type { UnsealedRecord } from '../record/seal-record.ts'
import type { SecretParameters } from '../record/secret-parameters.ts'
import { createChain } from './chain.ts'
import { createSinkQueue, type SinkQueue } from './sink-queue.ts'

/** Puts the records of one trail together, seals them and sees to it that they reach the sinks. */
export interface Scribe {
  /**
   * Opens the sinks and begins the chain once one is open; afterwards does nothing. Tells where the chain ended that it found.
   * @throws what the first sink throws
   */
  readonly start: () => Promise<ChainEnd | undefined>
  /** Opens every sink and begins. @throws what the first sink throws that cannot be opened */
  readonly ready: () => Promise<void>
  /** Takes records in their order, once it has started. */
  readonly write: (inputs: readonly RecordInput[]) => void
  /** Whether a record that comes now would be tried at once. */
  readonly wouldTry: () => boolean
  /** Tries until everything is written or an attempt fails. */
  readonly drain: () => Promise<void>
  /** Blocks until these are written too, or half a second has passed: the process ends. Answers how many records are durable. */
  readonly drainAtExit: (inputs: readonly RecordInput[]) => number
  readonly close: () => Promise<void>
}

/** What a scribe tells the trail. */
export interface ScribeListener {
  /** A durable sink has taken so many records of this trail, the first one included; the last of them stands here. */
  readonly durable: (count: number, end: ChainEnd) => void
  /** No durable sink takes records at present. */
  readonly failed: (cause: unknown) => void
  readonly report: (measurement: Measurement) => void
}

/** What a scribe writes with. */
export interface ScribeOptions {
  readonly sinks: readonly AuditSink[]
  readonly secrets: SecretParameters
  /** The name of the chain, and what its first record dates from. */
  readonly chain: string
  readonly startedAtMs: number
  readonly bufferRecords: number
  readonly deadlineMs: number
  readonly clock: Clock
}

/** How soon a sink that failed is tried again for a record that comes. */
export const PROBE_MS = 100

/** Makes the scribe of one chain, at work in this thread. */
export function createScribe(options: ScribeOptions, listener: ScribeListener): Scribe {
  const { sinks, bufferRecords, clock, deadlineMs, secrets, startedAtMs } = options
  const chain = createChain(options.chain)
  let durableSeq = 0
  let isStarted = false
  let found: ChainEnd | undefined
  let starting: Promise<void> | undefined
  let failedStartMs = Number.NEGATIVE_INFINITY

  const queues: readonly SinkQueue[] = sinks.map((sink) =>
    createSinkQueue(
      sink,
      { deadlineMs, clock, maxRecords: bufferRecords },
      {
        written: (end) => (sink.durable ? settleDurable(end) : undefined),
        failed: settleFailed,
        report: listener.report,
        isSafe: ({ seq }) => seq <= durableSeq,
      },
    ),
  )

  /** Only sinks that confirm count: a copy without confirmation is no record. */
  const holders = queues.filter(({ durable }) => durable)

  function settleDurable({ chain: name, seq, hash }: ChainEnd): void {
    if (seq <= durableSeq) return
    durableSeq = seq
    listener.durable(seq, { chain: name, seq, hash })
  }

  /** While another sink still tries there is hope. */
  function settleFailed(cause: unknown): void {
    if (holders.every((queue) => queue.isFailing())) listener.failed(cause)
  }

  async function begin(): Promise<void> {
    const results = await Promise.allSettled(queues.map((queue) => queue.open()))
    const opened = results.filter((result) => result.status === 'fulfilled')
    const [failure] = results.filter((result) => result.status === 'rejected')
    if (opened.length === 0) {
      failedStartMs = clock.monotonicMs()
      throw failure?.reason
    }
    const trail = opened.map(({ value }) => value).find((value) => value !== undefined)
    found = trail?.end
    isStarted = true
    distribute([eventInput(`${chain.name}.1`, 'trail_started', startDetails(trail), startedAtMs)])
  }

  async function start(): Promise<ChainEnd | undefined> {
    if (!isStarted) {
      starting ??= begin().finally(() => {
        starting = undefined
      })
      await starting
    }
    return found
  }

  function distribute(records: readonly UnsealedRecord[]): void {
    const sealed = records.map(sealOrTell)
    for (const queue of queues) queue.push(sealed)
  }

  function writeOrTell(input: RecordInput): UnsealedRecord {
    try {
      return writeRecord(input, secrets)
    } catch {
      return unwritable('decision' in input ? input.id : input.record.id, 'decision', clock.wallMs())
    }
  }

  function sealOrTell(record: UnsealedRecord): SealedRecord {
    try {
      return chain.seal(record)
    } catch {
      return chain.seal(unwritable(record.record.id, record.record.type, clock.wallMs()))
    }
  }

  return {
    start,
    ready: async () => {
      await Promise.all(queues.map((queue) => queue.open()))
      await start()
    },
    write: (inputs) => distribute(inputs.map(writeOrTell)),
    wouldTry: () =>
      isStarted ? holders.some((queue) => queue.wouldTry()) : clock.monotonicMs() - failedStartMs >= PROBE_MS,
    drain: async () => void (await Promise.all(queues.map((queue) => queue.drain()))),
    // What sinks do cannot be waited for without the loop.
    drainAtExit: () => durableSeq,
    close: async () => void (await Promise.all(queues.map((queue) => queue.close()))),
  }
}

function startDetails({ end, partialBytes }: FoundTrail = {}): EventRecord['details'] {
  return {
    ...(end === undefined ? {} : { follows: { chain: end.chain, seq: end.seq, hash: end.hash } }),
    ...(partialBytes === undefined ? {} : { partialBytes }),
  }
}
