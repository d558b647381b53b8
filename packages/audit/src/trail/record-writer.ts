import type { Clock } from '@countermark/core'
import type { Measurement } from '@countermark/core/internal'
import type { EventRecord } from '../record/audit-record.ts'
import { Chain, type ChainEnd, type SealedRecord, type UnsealedRecord } from '../record/chain.ts'
import type { SecretMask } from '../record/secret-mask.ts'
import { eventInput, type RecordInput, unwritableInput, writeRecord } from '../record/write-record.ts'
import type { AuditSink, FoundTrail } from '../sinks/sink.ts'
import { PROBE_MS, SinkQueue } from './sink-queue.ts'

/** Puts the records of one trail together, seals them and gets them to the sinks. */
export interface RecordWriter {
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

/** What a writer tells the trail. */
export interface WriterListener {
  /** A durable sink has taken so many records of this trail, the first one included, up to this end. */
  readonly durable: (count: number, end: ChainEnd) => void
  /** No durable sink takes records at present. */
  readonly failed: (cause: unknown) => void
  readonly report: (measurement: Measurement) => void
}

/** What a writer writes with. */
export interface WriterOptions {
  readonly sinks: readonly AuditSink[]
  readonly mask: SecretMask
  /** The name of the chain, and what its first record dates from. */
  readonly chain: string
  readonly startedAtMs: number
  readonly bufferRecords: number
  readonly deadlineMs: number
  readonly clock: Clock
}

/** Writes one chain from this thread. */
export class LocalWriter implements RecordWriter {
  private readonly options: WriterOptions
  private readonly listener: WriterListener
  private readonly chain: Chain
  private readonly queues: readonly SinkQueue[]
  /** Only sinks that confirm count: a copy without confirmation is no record. */
  private readonly holders: readonly SinkQueue[]
  private durableSeq = 0
  private isStarted = false
  private found: ChainEnd | undefined
  private starting: Promise<void> | undefined
  private failedStartMs = Number.NEGATIVE_INFINITY

  constructor(options: WriterOptions, listener: WriterListener) {
    this.options = options
    this.listener = listener
    this.chain = new Chain(options.chain)
    this.queues = options.sinks.map((sink) => this.queueOf(sink))
    this.holders = this.queues.filter(({ durable }) => durable)
  }

  async start(): Promise<ChainEnd | undefined> {
    if (!this.isStarted) {
      this.starting ??= this.begin().finally(() => {
        this.starting = undefined
      })
      await this.starting
    }
    return this.found
  }

  async ready(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.open()))
    await this.start()
  }

  write(inputs: readonly RecordInput[]): void {
    this.distribute(inputs.map((input) => this.writeOrTell(input)))
  }

  wouldTry(): boolean {
    if (this.isStarted) return this.holders.some((queue) => queue.wouldTry())
    return this.options.clock.monotonicMs() - this.failedStartMs >= PROBE_MS
  }

  async drain(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.drain()))
  }

  /** Sinks cannot be waited for without the event loop. */
  drainAtExit(): number {
    return this.durableSeq
  }

  async close(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.close()))
  }

  private queueOf(sink: AuditSink): SinkQueue {
    const { bufferRecords, clock, deadlineMs } = this.options
    return new SinkQueue(
      sink,
      { deadlineMs, clock, maxRecords: bufferRecords },
      {
        written: (end) => (sink.durable ? this.settleDurable(end) : undefined),
        failed: (cause) => this.settleFailed(cause),
        report: this.listener.report,
        isSafe: ({ seq }) => seq <= this.durableSeq,
      },
    )
  }

  private settleDurable({ chain, seq, hash }: ChainEnd): void {
    if (seq <= this.durableSeq) return
    this.durableSeq = seq
    this.listener.durable(seq, { chain, seq, hash })
  }

  /** While another sink still tries, the records may yet be written. */
  private settleFailed(cause: unknown): void {
    if (this.holders.every((queue) => queue.isFailing())) this.listener.failed(cause)
  }

  private async begin(): Promise<void> {
    const results = await Promise.allSettled(this.queues.map((queue) => queue.open()))
    const opened = results.filter((result) => result.status === 'fulfilled')
    const [failure] = results.filter((result) => result.status === 'rejected')
    if (opened.length === 0) {
      this.failedStartMs = this.options.clock.monotonicMs()
      throw failure?.reason
    }
    const trail = opened.map(({ value }) => value).find((value) => value !== undefined)
    this.found = trail?.end
    this.isStarted = true
    const first = `${this.chain.name}.1`
    this.distribute([eventInput(first, 'trail_started', startDetails(trail), this.options.startedAtMs)])
  }

  private distribute(records: readonly UnsealedRecord[]): void {
    const sealed = records.map((record) => this.sealOrTell(record))
    for (const queue of this.queues) queue.push(sealed)
  }

  private writeOrTell(input: RecordInput): UnsealedRecord {
    try {
      return writeRecord(input, this.options.mask)
    } catch {
      return unwritableInput(input, this.options.clock.wallMs())
    }
  }

  private sealOrTell(record: UnsealedRecord): SealedRecord {
    try {
      return this.chain.seal(record)
    } catch {
      return this.chain.seal(unwritableInput(record, this.options.clock.wallMs()))
    }
  }
}

function startDetails({ end, partialBytes }: FoundTrail = {}): EventRecord['details'] {
  return {
    ...(end === undefined ? {} : { follows: { chain: end.chain, seq: end.seq, hash: end.hash } }),
    ...(partialBytes === undefined ? {} : { partialBytes }),
  }
}
