import type { Writable } from 'node:stream'
import { Misconfigured } from '@countermark/core'
import { requireMethods } from '@countermark/core/internal'
import type { ChainEnd, PlacedRecord, SealedRecord } from '../record/chain.ts'

/** What a sink found when it opened. */
export interface FoundTrail {
  /** The last whole record. */
  readonly end?: ChainEnd
  /** Bytes of a half-written line that were set aside. */
  readonly partialBytes?: number
}

/** Takes records of one kind. One shared suite (`test/describe-audit-sink.ts`) tests what each sink must do. */
export interface RecordSink<Placed extends PlacedRecord> {
  /** A closed word for metrics, such as `file`, `sql` or `syslog`. */
  readonly name: string
  /**
   * Whether an answered `append` means that the records outlive this process and a loss of power here. A sink to which nothing
   * confirms that, such as syslog, holds a copy only.
   */
  readonly durable: boolean
  /**
   * Takes records in their order and answers when they are as durable as this sink makes them: all of them or, by a
   * rejection, perhaps none. The same record may come twice, after a failure; `chain` and `seq` tell.
   */
  readonly append: (records: readonly Placed[]) => Promise<void>
  /** Opens what it needs; rejects when records could not be written. May tell which trail it goes on with. */
  readonly ready?: () => Promise<FoundTrail> | Promise<void>
  /** Writes what is held back and ends. @default there is nothing to end */
  readonly close?: () => Promise<void>
}

/** Where a trail writes. */
export interface AuditSink extends RecordSink<SealedRecord> {}

/** What a trail and a stream of events can both be sent to. */
export interface EventSink extends RecordSink<PlacedRecord> {}

/** What a sink of some kind does besides. */
export interface SerialSinkParts<Placed extends PlacedRecord> {
  readonly name: string
  readonly durable: boolean
  /** Called for one batch at a time, never with an empty one. */
  readonly write: (records: readonly Placed[]) => Promise<void>
  readonly ready?: () => Promise<FoundTrail> | Promise<void>
  /** Called once, after what is under way has ended. */
  readonly close?: () => void | Promise<void>
}

/** A sink that can be closed. */
export interface ClosableSink<Placed extends PlacedRecord> extends RecordSink<Placed> {
  /** Writes what is held back and ends. */
  readonly close: () => Promise<void>
}

/** A sink of copies: nothing confirms them, so no request is answered on its word. */
export type CopySink = ClosableSink<PlacedRecord> & { readonly durable: false }

/** A caller that does not wait for answers is refused before memory is full. */
const MAX_WAITING = 16

/**
 * A sink that writes one batch after the other, so that calls that overlap keep their order, and nothing once closed. A batch
 * that its caller gave up waiting for goes on all the same: when its records come again they are written once.
 */
export function createSerialSink<Placed extends PlacedRecord>(parts: SerialSinkParts<Placed>): ClosableSink<Placed> {
  const { name, durable, write, ready } = parts
  const written = new WeakSet<Placed>()
  let waiting = 0
  let underWay: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | undefined

  async function writeNew(records: readonly Placed[]): Promise<void> {
    const fresh = records.filter((record) => !written.has(record))
    if (fresh.length === 0) return
    await write(fresh)
    for (const record of fresh) written.add(record)
  }

  return {
    name,
    durable,
    ...(ready === undefined ? {} : { ready }),
    append: async (records) => {
      if (closing !== undefined) throw new Error('the sink is closed')
      if (waiting >= MAX_WAITING) throw new Error('the sink is still busy with earlier records')
      waiting += 1
      const writing = underWay
        .then(() => writeNew(records))
        .finally(() => {
          waiting -= 1
        })
      // The caller hears of a failure; the next batch is tried all the same.
      underWay = writing.catch(() => undefined)
      await writing
    },
    close: () => {
      closing ??= underWay.then(() => parts.close?.())
      return closing
    },
  }
}

/** The same for copies. */
export function createCopySink(parts: Omit<SerialSinkParts<PlacedRecord>, 'durable'>): CopySink {
  return { ...createSerialSink({ ...parts, durable: false }), durable: false }
}

/** How much travels together. */
export interface BatchLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Cuts records into batches of one chain each, in order. A record over the limit makes a batch of its own. */
export function* takeBatches<Placed extends PlacedRecord>(
  records: readonly Placed[],
  { maxRecords, maxBytes }: BatchLimits,
): Iterable<readonly Placed[]> {
  let batch: Placed[] = []
  let bytes = 0
  for (const record of records) {
    const length = Buffer.byteLength(record.line) + 1
    const isFull = batch.length >= maxRecords || bytes + length > maxBytes || batch[0]?.chain !== record.chain
    if (isFull && batch.length > 0) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(record)
    bytes += length
  }
  if (batch.length > 0) yield batch
}

/**
 * Refuses an empty list, and sinks without a name for metrics. A copy: the list that was given may change.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function requireSinks<Sink extends RecordSink<never>>(given: unknown, example: string): readonly Sink[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', `sinks must list at least one, such as ${example}`)
  }
  const sinks: readonly Sink[] = [...given]
  for (const sink of sinks) {
    requireMethods('each of sinks', sink, ['append'])
    if (typeof sink.name === 'string' && /^[a-z][a-z0-9_-]*$/.test(sink.name)) continue
    throw new Misconfigured('ERR_OPTION_INVALID', 'each of sinks must have a name such as file')
  }
  return sinks
}

/** Writes into a stream of Node, and answers when that has taken it. */
export function writeInto(stream: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}
