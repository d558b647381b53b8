import { type Clock, type Measurement, Unavailable } from '@countermark/core'
import type { ChainEnd } from '../record/audit-sink.ts'
import { eventInput, type RecordInput, unwritable } from '../record/record-input.ts'
import { type CheckpointOptions, createCheckpoints } from './checkpoint-writer.ts'
import type { Scribe, ScribeListener } from './scribe.ts'

/** How records are taken in. */
export interface TrailWriterOptions {
  readonly checkpoints: CheckpointOptions | undefined
  /** The name of the chain: names of records begin with it. */
  readonly chain: string
  readonly bufferRecords: number
  readonly deadlineMs: number
  readonly flushMs: number
  readonly clock: Clock
  readonly report: (measurement: Measurement) => void
}

/** Makes the input of a record once its name is known. */
export type WriteInput = (id: string) => RecordInput

/** For whom a record is: strangers have a share of the buffer, so that they leave room for the others. */
export type RoomKind = 'agent' | 'stranger'

/** Names records in the order in which they come and hands them, many at once, to the scribe that writes them. */
export interface TrailWriter {
  readonly hasRoom: (kind: RoomKind) => boolean
  /** Whether a record that comes now would be tried at once. */
  readonly wouldTry: () => boolean
  /** Takes a record that no answer waits for. Answers with its name. */
  readonly add: (write: WriteInput, kind: RoomKind) => string
  /** Takes a record and answers once a sink has it. @throws Unavailable `audit_unavailable` */
  readonly addAndWait: (write: WriteInput, kind: RoomKind) => { readonly id: string; readonly durable: Promise<void> }
  /** Counts a decision for which there was no room: the trail says how many once there is. */
  readonly drop: () => void
  /** @throws what the first sink throws that cannot be opened */
  readonly ready: () => Promise<void>
  /** @throws Unavailable `audit_unavailable` when no sink has all records */
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
  /** Tries once more, for a process that has nothing else to do. */
  readonly flushWhenIdle: () => void
  /** Writes what can be written while the process ends. Answers with how many records are lost with it. */
  readonly flushAtExit: () => number
}

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
const STRANGERS_SHARE = 4

/** Makes the writer of one trail. */
export function createTrailWriter(
  options: TrailWriterOptions,
  createScribe: (listener: ScribeListener) => Scribe,
): TrailWriter {
  const { bufferRecords, chain, clock, deadlineMs, flushMs, report } = options
  const checkpoints = options.checkpoints && createCheckpoints(options.checkpoints, { clock, deadlineMs, report })
  const scribe = createScribe({ durable: settleDurable, failed: refuseWaiters, report })
  const unwritten: Pending[] = []
  const strangers: number[] = []
  let waiters: Waiter[] = []
  // The first record says that the trail began: it is written when the sinks have told which one it goes on with.
  let nextSeq = 2
  let durableSeq = 0
  let dropped = 0
  let triedUpTo = 0
  let isStarted = false
  let startFailure: unknown
  let timer: NodeJS.Timeout | NodeJS.Immediate | undefined
  let isUrgent = false

  function settleDurable(count: number, end: ChainEnd): void {
    durableSeq = Math.max(durableSeq, count)
    const done = takeUpTo(waiters, durableSeq, ({ seq }) => seq)
    for (const { resolve } of done) resolve()
    takeUpTo(strangers, durableSeq, (seq) => seq)
    tellDropped()
    checkpoints?.advance(end)
  }

  function tellDropped(): void {
    if (dropped === 0) return
    const count = dropped
    dropped = 0
    add((id) => eventInput(id, 'decisions_not_recorded', { count }, clock.wallMs()), 'agent')
  }

  /** What was to be recorded stays in line; that it was not there in time is recorded too. */
  function refuseWaiters(cause: unknown): void {
    const refused = waiters
    waiters = []
    for (const { id, reject } of refused) {
      const details = { code: 'audit_unavailable', of: id }
      add((own) => eventInput(own, 'decision_withheld', details, clock.wallMs()), 'agent')
      reject(unavailable('no sink took the record in time', cause))
    }
  }

  function takeUnwritten(): readonly RecordInput[] {
    return unwritten.splice(0).map(({ id, write }) => {
      try {
        return write(id)
      } catch {
        return unwritable(id, 'decision', clock.wallMs())
      }
    })
  }

  async function hand(): Promise<void> {
    timer = undefined
    isUrgent = false
    try {
      await scribe.start()
      isStarted = true
    } catch (error) {
      startFailure = error
      refuseWaiters(error)
      return
    }
    if (unwritten.length > 0) scribe.write(takeUnwritten())
  }

  /** Everything that comes in one turn of the loop goes out together; what no answer waits for may wait a little longer. */
  function schedule(urgent: boolean): void {
    if (timer !== undefined && (isUrgent || !urgent)) return
    if (timer !== undefined) clearTimeout(timer as NodeJS.Timeout)
    isUrgent = urgent
    timer = urgent ? setImmediate(() => void hand()) : setTimeout(() => void hand(), flushMs)
  }

  function add(write: WriteInput, kind: RoomKind, urgent = false): string {
    const id = `${chain}.${nextSeq}`
    unwritten.push({ id, write })
    if (kind === 'stranger') strangers.push(nextSeq)
    nextSeq += 1
    schedule(urgent || unwritten.length >= BATCH_RECORDS)
    return id
  }

  async function flush(): Promise<void> {
    const wanted = nextSeq - 1
    await hand()
    if (isStarted) await scribe.drain()
    if (durableSeq < wanted && isStarted) throw unavailable('no sink has all records', undefined)
    if (!isStarted) throw unavailable('no sink could be opened', startFailure)
    await checkpoints?.flush()
  }

  return {
    hasRoom: (kind) =>
      nextSeq - durableSeq <= bufferRecords &&
      (kind === 'agent' || strangers.length <= Math.ceil(bufferRecords / STRANGERS_SHARE)),
    wouldTry: scribe.wouldTry,
    add: (write, kind) => add(write, kind),
    addAndWait: (write, kind) => {
      const seq = nextSeq
      const id = add(write, kind, true)
      const durable = new Promise<void>((resolve, reject) => void waiters.push({ seq, id, resolve, reject }))
      return { id, durable }
    },
    drop: () => {
      dropped += 1
    },
    ready: async () => {
      await scribe.ready()
      await hand()
      // Also when a sink does not take the first record: then requests are refused that need one.
      await scribe.drain()
    },
    flush,
    close: async () => {
      try {
        await flush()
      } finally {
        await Promise.all([scribe.close(), checkpoints?.close()])
      }
    },
    flushWhenIdle: () => {
      const last = nextSeq - 1
      if (triedUpTo >= last || Math.max(1, durableSeq) >= last) return
      triedUpTo = last
      // What is not written then is told of when the process ends.
      flush().catch(() => undefined)
    },
    flushAtExit: () => {
      // The first record is the trail's own: without it nothing is lost.
      const written = Math.max(1, durableSeq)
      return nextSeq - 1 === written ? 0 : nextSeq - 1 - Math.max(written, scribe.drainAtExit(takeUnwritten()))
    },
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
