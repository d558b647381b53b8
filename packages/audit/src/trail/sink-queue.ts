import type { Clock } from '@countermark/core'
import { type Measurement, withDeadline } from '@countermark/core/internal'
import { TRAIL_METRICS } from '../metric-rows.ts'
import type { SealedRecord } from '../record/chain.ts'
import type { AuditSink, FoundTrail } from '../sinks/sink.ts'

/** What a queue tells the trail. */
export interface SinkListener {
  /** The sink has taken all records up to this one. */
  readonly written: (last: SealedRecord) => void
  readonly failed: (cause: unknown) => void
  readonly report: (measurement: Measurement) => void
  /** Whether a record is durable somewhere: then this sink may go without it. */
  readonly isSafe: (record: SealedRecord) => boolean
}

/** How a sink is fed. */
export interface SinkQueueOptions {
  readonly deadlineMs: number
  /** Most records that wait for a sink that cannot take them. */
  readonly maxRecords: number
  readonly clock: Clock
}

/** How soon a sink that failed is tried again for a record that comes. */
export const PROBE_MS = 100
const MAX_BATCH = 1000
const LONGEST_PAUSE_MS = 5000

/** The records on their way into one sink: in order, one batch at a time, again and again until it takes them. */
export class SinkQueue {
  /** Whether what it takes counts as recorded. */
  readonly durable: boolean
  private readonly sink: AuditSink
  private readonly options: SinkQueueOptions
  private readonly listener: SinkListener
  private readonly waiting: SealedRecord[] = []
  private opened: Promise<FoundTrail | undefined> | undefined
  private running: Promise<void> | undefined
  private failures = 0
  private failedAtMs = Number.NEGATIVE_INFINITY
  private retry: NodeJS.Timeout | undefined

  constructor(sink: AuditSink, options: SinkQueueOptions, listener: SinkListener) {
    this.durable = sink.durable
    this.sink = sink
    this.options = options
    this.listener = listener
  }

  /** Opens the sink. @throws what the sink throws */
  open(): Promise<FoundTrail | undefined> {
    this.opened ??= openSink(this.sink, this.options.deadlineMs).catch((error: unknown) => {
      this.opened = undefined
      throw error
    })
    return this.opened
  }

  push(records: readonly SealedRecord[]): void {
    this.waiting.push(...records)
    this.dropOldest()
    if (this.failures > 0) this.gauge('audit_queue_records', this.waiting.length)
    if (this.mayProbe()) this.start()
  }

  /** Whether the last attempt failed and no other one is under way. */
  isFailing(): boolean {
    return this.failures > 0 && this.running === undefined
  }

  /** Whether an attempt is under way, or would be made at once for a record that comes now. */
  wouldTry(): boolean {
    return this.running !== undefined || this.mayProbe()
  }

  /** Tries until the queue is empty or an attempt fails. */
  async drain(): Promise<void> {
    await this.running
    if (this.waiting.length > 0) this.start()
    await this.running
  }

  async close(): Promise<void> {
    clearTimeout(this.retry)
    await this.running
    await this.sink.close?.()
  }

  private start(): void {
    this.running ??= this.run()
  }

  private async run(): Promise<void> {
    clearTimeout(this.retry)
    try {
      await this.open()
      while (this.waiting.length > 0) await this.appendBatch()
      this.running = undefined
    } catch (error) {
      this.running = undefined
      this.settleFailure(error)
    }
  }

  private async appendBatch(): Promise<void> {
    const batch = this.waiting.slice(0, MAX_BATCH)
    await withDeadline(this.sink.append(batch), this.options.deadlineMs)
    this.waiting.splice(0, batch.length)
    if (this.failures > 0) this.gauge('audit_sink_failing', 0)
    this.failures = 0
    this.count('written', batch.length)
    this.gauge('audit_queue_records', this.waiting.length)
    const last = batch.at(-1)
    if (last !== undefined) this.listener.written(last)
  }

  private settleFailure(error: unknown): void {
    this.failures += 1
    this.failedAtMs = this.options.clock.monotonicMs()
    this.gauge('audit_sink_failing', 1)
    this.count('failed', Math.min(this.waiting.length, MAX_BATCH))
    this.retry = setTimeout(() => this.start(), Math.min(PROBE_MS * 2 ** this.failures, LONGEST_PAUSE_MS))
    this.retry.unref()
    this.listener.failed(error)
  }

  /** Only what another sink has for certain: the trail takes no more records than may wait. */
  private dropOldest(): void {
    const { maxRecords } = this.options
    if (this.waiting.length <= maxRecords || this.running !== undefined) return
    const excess = this.waiting.slice(0, this.waiting.length - maxRecords)
    const dropped = excess.filter(this.listener.isSafe).length
    if (dropped === 0) return
    this.waiting.splice(0, dropped)
    this.count('dropped', dropped)
  }

  private mayProbe(): boolean {
    return this.failures === 0 || this.options.clock.monotonicMs() - this.failedAtMs >= PROBE_MS
  }

  private count(result: 'written' | 'failed' | 'dropped', value: number): void {
    this.listener.report(TRAIL_METRICS.measure('audit_records_total', value, { sink: this.sink.name, result }))
  }

  private gauge(name: 'audit_queue_records' | 'audit_sink_failing', value: number): void {
    this.listener.report(TRAIL_METRICS.measure(name, value, { sink: this.sink.name }))
  }
}

async function openSink(sink: AuditSink, deadlineMs: number): Promise<FoundTrail | undefined> {
  const found: unknown = await (sink.ready === undefined ? undefined : withDeadline<unknown>(sink.ready(), deadlineMs))
  return isFoundTrail(found) ? found : undefined
}

function isFoundTrail(found: unknown): found is FoundTrail {
  return typeof found === 'object' && found !== null && ('end' in found || 'partialBytes' in found)
}
