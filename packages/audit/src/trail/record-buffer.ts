import { Unavailable } from '@countermark/core'
import type { Measurement } from '@countermark/core/internal'
import type { ChainEnd } from '../record/chain.ts'
import { eventInput, type RecordInput, unwritable } from '../record/write-record.ts'
import { CheckpointWriter } from './checkpoint.ts'
import type { RecordWriter, WriterListener } from './record-writer.ts'
import type { TrailSettings } from './trail-options.ts'

/** How records are taken in. */
export interface RecordBufferOptions
  extends Pick<TrailSettings, 'bufferRecords' | 'checkpoints' | 'clock' | 'deadlineMs' | 'flushMs'> {
  /** The name of the chain: ids of records begin with it. */
  readonly chain: string
  readonly report: (measurement: Measurement) => void
}

/** Makes the input of a record once its id is known. */
export type WriteInput = (id: string) => RecordInput

/** Whose record it is: unknown callers have a share of the buffer, so that they leave room for known agents. */
export type RoomKind = 'agent' | 'unknown'

interface Pending {
  readonly id: string
  readonly write: WriteInput
}

interface Waiter {
  readonly seq: number
  readonly id: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** So many at once that the work is warm, so few that nothing they hold grows old. */
const BATCH_RECORDS = 256
const UNKNOWN_SHARE = 4

/** Gives records their ids in the order in which they come and hands them, many at once, to the writer. */
export class RecordBuffer {
  private readonly options: RecordBufferOptions
  private readonly writer: RecordWriter
  private readonly checkpoints: CheckpointWriter | undefined
  private readonly unwritten: Pending[] = []
  /** Places of records of unknown callers that are not durable. */
  private readonly unknown: number[] = []
  private waiters: Waiter[] = []
  // The first record says that the trail began: it is written when the sinks have told which one it goes on with.
  private nextSeq = 2
  private durableSeq = 0
  private dropped = 0
  private triedUpTo = 0
  private isStarted = false
  private startFailure: unknown
  private timer: NodeJS.Timeout | NodeJS.Immediate | undefined
  private isUrgent = false

  constructor(options: RecordBufferOptions, createWriter: (listener: WriterListener) => RecordWriter) {
    const { checkpoints, report } = options
    this.options = options
    this.checkpoints = checkpoints && new CheckpointWriter(checkpoints, options)
    this.writer = createWriter({
      durable: (count, end) => this.settleDurable(count, end),
      failed: (cause) => this.refuseWaiters(cause),
      report,
    })
  }

  hasRoom(kind: RoomKind): boolean {
    const { bufferRecords } = this.options
    if (this.nextSeq - this.durableSeq > bufferRecords) return false
    return kind === 'agent' || this.unknown.length <= Math.ceil(bufferRecords / UNKNOWN_SHARE)
  }

  /** Whether a record that comes now would be tried at once. */
  wouldTry(): boolean {
    return this.writer.wouldTry()
  }

  /** Takes a record that no answer waits for. Answers with its id. */
  add(write: WriteInput, kind: RoomKind, urgent = false): string {
    const id = `${this.options.chain}.${this.nextSeq}`
    this.unwritten.push({ id, write })
    if (kind === 'unknown') this.unknown.push(this.nextSeq)
    this.nextSeq += 1
    this.schedule(urgent || this.unwritten.length >= BATCH_RECORDS)
    return id
  }

  /** Takes a record; `durable` resolves once a sink has it. @throws Unavailable `audit_unavailable`, by `durable` */
  addAndWait(write: WriteInput, kind: RoomKind): { readonly id: string; readonly durable: Promise<void> } {
    const seq = this.nextSeq
    const id = this.add(write, kind, true)
    const durable = new Promise<void>((resolve, reject) => void this.waiters.push({ seq, id, resolve, reject }))
    return { id, durable }
  }

  /** Counts a decision for which there was no room: the trail says how many once there is. */
  drop(): void {
    this.dropped += 1
  }

  /** @throws what the first sink throws that cannot be opened */
  async ready(): Promise<void> {
    await this.writer.ready()
    await this.handOver()
    // Also when a sink does not take the first record: then requests are refused that need one.
    await this.writer.drain()
  }

  /** @throws Unavailable `audit_unavailable` when no sink has all records */
  async flush(): Promise<void> {
    const wanted = this.nextSeq - 1
    await this.handOver()
    if (this.isStarted) await this.writer.drain()
    if (this.durableSeq < wanted && this.isStarted) throw unavailable('no sink has all records', undefined)
    if (!this.isStarted) throw unavailable('no sink could be opened', this.startFailure)
    await this.checkpoints?.flush()
  }

  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await Promise.all([this.writer.close(), this.checkpoints?.close()])
    }
  }

  /** Tries once more, for a process that has nothing else to do. */
  flushWhenIdle(): void {
    const last = this.nextSeq - 1
    if (this.triedUpTo >= last || Math.max(1, this.durableSeq) >= last) return
    this.triedUpTo = last
    // The end of the process tells what is not written then.
    this.flush().catch(() => undefined)
  }

  /** Writes what can be written while the process ends. Answers with how many records are lost with it. */
  flushAtExit(): number {
    // The first record is the trail's own: without it nothing is lost.
    const written = Math.max(1, this.durableSeq)
    const last = this.nextSeq - 1
    return last === written ? 0 : last - Math.max(written, this.writer.drainAtExit(this.takeUnwritten()))
  }

  private settleDurable(count: number, end: ChainEnd): void {
    this.durableSeq = Math.max(this.durableSeq, count)
    const done = takeUpTo(this.waiters, this.durableSeq, ({ seq }) => seq)
    for (const { resolve } of done) resolve()
    takeUpTo(this.unknown, this.durableSeq, (seq) => seq)
    this.tellDropped()
    this.checkpoints?.advance(end)
  }

  private tellDropped(): void {
    if (this.dropped === 0) return
    const count = this.dropped
    this.dropped = 0
    this.addEvent('decisions_not_recorded', { count })
  }

  /** The refused records stay in line; another record tells that they were not there in time. */
  private refuseWaiters(cause: unknown): void {
    const refused = this.waiters
    this.waiters = []
    for (const { id, reject } of refused) {
      this.addEvent('decision_withheld', { code: 'audit_unavailable', of: id })
      reject(unavailable('no sink took the record in time', cause))
    }
  }

  private addEvent(event: string, details: Readonly<Record<string, unknown>>): void {
    this.add((id) => eventInput(id, event, details, this.options.clock.wallMs()), 'agent')
  }

  private takeUnwritten(): readonly RecordInput[] {
    return this.unwritten.splice(0).map(({ id, write }) => {
      try {
        return write(id)
      } catch {
        return unwritable(id, 'decision', this.options.clock.wallMs())
      }
    })
  }

  private async handOver(): Promise<void> {
    this.timer = undefined
    this.isUrgent = false
    try {
      await this.writer.start()
      this.isStarted = true
    } catch (error) {
      this.startFailure = error
      this.refuseWaiters(error)
      return
    }
    if (this.unwritten.length > 0) this.writer.write(this.takeUnwritten())
  }

  /** Everything that comes in one turn of the loop goes out together; a record that no answer waits for may wait longer. */
  private schedule(urgent: boolean): void {
    if (this.timer !== undefined && (this.isUrgent || !urgent)) return
    if (this.timer !== undefined) clearTimeout(this.timer as NodeJS.Timeout)
    this.isUrgent = urgent
    const handOver = (): void => void this.handOver()
    this.timer = urgent ? setImmediate(handOver) : setTimeout(handOver, this.options.flushMs)
  }
}

/** Takes from the front of an ordered list what is not beyond `last`. */
function takeUpTo<T>(list: T[], last: number, seqOf: (item: T) => number): readonly T[] {
  const count = list.findIndex((item) => seqOf(item) > last)
  return list.splice(0, count < 0 ? list.length : count)
}

/** No record, no answer. */
export function unavailable(message: string, cause: unknown): Unavailable {
  return new Unavailable('audit_unavailable', 'audit', message, { cause })
}
