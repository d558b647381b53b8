import type { FoundTrail, PlacedRecord, RecordSink } from '../audit-sink.ts'

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
export type ClosableSink<Placed extends PlacedRecord> = RecordSink<Placed> & Required<Pick<RecordSink<Placed>, 'close'>>

/** A sink that writes one batch after the other, so that calls that overlap keep their order, and nothing once closed. */
export function createSerialSink<Placed extends PlacedRecord>(parts: SerialSinkParts<Placed>): ClosableSink<Placed> {
  const { name, durable, write, ready } = parts
  let underWay: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | undefined
  return {
    name,
    durable,
    ...(ready === undefined ? {} : { ready }),
    append: async (records) => {
      if (closing !== undefined) throw new Error('the sink is closed')
      if (records.length === 0) return
      const writing = underWay.then(() => write(records))
      // Whoever appended hears of a failure; the next batch is tried all the same.
      underWay = writing.catch(() => undefined)
      await writing
    },
    close: () => {
      closing ??= underWay.then(() => parts.close?.())
      return closing
    },
  }
}
