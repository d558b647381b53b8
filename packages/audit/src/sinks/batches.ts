import type { PlacedRecord } from '../record/chain.ts'

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
