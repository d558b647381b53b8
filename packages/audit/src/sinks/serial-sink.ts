import type { PlacedRecord } from '../record/chain.ts'
import type { FoundTrail, RecordSink } from './audit-sink.ts'

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
