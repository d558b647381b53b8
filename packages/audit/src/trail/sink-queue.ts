import type { Clock, Measurement } from '@countermark/core'
import { withDeadline } from '@countermark/core/internal'
import type { AuditSink, FoundTrail, SealedRecord } from '../record/audit-sink.ts'

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

/** The records on their way into one sink: in order, one batch at a time, again and again until it takes them. */
export interface SinkQueue {
  /** Whether what it takes counts as recorded. */
  readonly durable: boolean
  readonly push: (records: readonly SealedRecord[]) => void
  /** Opens the sink. @throws what the sink throws */
  readonly open: () => Promise<FoundTrail | undefined>
  /** Whether the last attempt failed and no other one is under way. */
  readonly isFailing: () => boolean
  /** Whether an attempt is under way, or would be made at once for a record that comes now. */
  readonly wouldTry: () => boolean
  /** Tries until the queue is empty or an attempt fails. */
  readonly drain: () => Promise<void>
  readonly close: () => Promise<void>
}

const MAX_BATCH = 1000
const PROBE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** Makes the queue of one sink. */
export function createSinkQueue(sink: AuditSink, options: SinkQueueOptions, listener: SinkListener): SinkQueue {
  const { deadlineMs, maxRecords, clock } = options
  const waiting: SealedRecord[] = []
  let opened: Promise<FoundTrail | undefined> | undefined
  let running: Promise<void> | undefined
  let failures = 0
  let failedAtMs = Number.NEGATIVE_INFINITY
  let retry: NodeJS.Timeout | undefined

  const open = (): Promise<FoundTrail | undefined> => {
    opened ??= openSink(sink, deadlineMs).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }

  async function run(): Promise<void> {
    clearTimeout(retry)
    try {
      await open()
      while (waiting.length > 0) await appendBatch()
      running = undefined
    } catch (error) {
      running = undefined
      settleFailure(error)
    }
  }

  async function appendBatch(): Promise<void> {
    const batch = waiting.slice(0, MAX_BATCH)
    await withDeadline(sink.append(batch), deadlineMs)
    waiting.splice(0, batch.length)
    settleSuccess(batch)
  }

  function settleSuccess(batch: readonly SealedRecord[]): void {
    if (failures > 0) reportFailing(0)
    failures = 0
    listener.report(count(sink.name, 'written', batch.length))
    reportLength()
    const last = batch.at(-1)
    if (last !== undefined) listener.written(last)
  }

  function settleFailure(error: unknown): void {
    failures += 1
    failedAtMs = clock.monotonicMs()
    reportFailing(1)
    listener.report(count(sink.name, 'failed', Math.min(waiting.length, MAX_BATCH)))
    retry = setTimeout(start, Math.min(PROBE_MS * 2 ** failures, LONGEST_PAUSE_MS))
    retry.unref()
    listener.failed(error)
  }

  function start(): void {
    running ??= run()
  }

  /** Only what another sink has for certain: the trail takes no more records than may wait. */
  function dropOldest(): void {
    if (waiting.length <= maxRecords || running !== undefined) return
    const excess = waiting.slice(0, waiting.length - maxRecords)
    const dropped = excess.filter(listener.isSafe).length
    if (dropped === 0) return
    waiting.splice(0, dropped)
    listener.report(count(sink.name, 'dropped', dropped))
  }

  const reportLength = (): void => listener.report(gauge('audit_queue_records', sink.name, waiting.length))
  const reportFailing = (value: number): void => listener.report(gauge('audit_sink_failing', sink.name, value))
  const mayProbe = (): boolean => failures === 0 || clock.monotonicMs() - failedAtMs >= PROBE_MS

  return {
    durable: sink.durable,
    open,
    push: (records) => {
      waiting.push(...records)
      dropOldest()
      if (failures > 0) reportLength()
      if (mayProbe()) start()
    },
    isFailing: () => failures > 0 && running === undefined,
    wouldTry: () => running !== undefined || mayProbe(),
    drain: async () => {
      await running
      if (waiting.length > 0) start()
      await running
    },
    close: async () => {
      clearTimeout(retry)
      await running
      await sink.close?.()
    },
  }
}

async function openSink(sink: AuditSink, deadlineMs: number): Promise<FoundTrail | undefined> {
  const found: unknown = await (sink.ready === undefined ? undefined : withDeadline<unknown>(sink.ready(), deadlineMs))
  return isFoundTrail(found) ? found : undefined
}

function isFoundTrail(found: unknown): found is FoundTrail {
  return typeof found === 'object' && found !== null && ('end' in found || 'partialBytes' in found)
}

function count(sink: string, result: 'written' | 'failed' | 'dropped', value: number): Measurement {
  return { name: 'audit_records_total', kind: 'counter', value, labels: { sink, result } }
}

function gauge(name: string, sink: string, value: number): Measurement {
  return { name, kind: 'gauge', value, labels: { sink } }
}
