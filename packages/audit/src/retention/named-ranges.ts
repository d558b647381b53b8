import type { AuditRecord } from '../audit-record.ts'
import { coversRange, createSeqRanges, readSeqRanges, type SeqRanges } from './seq-ranges.ts'

/** Places from which something was taken away, and which of these no event of the trail names. */
export interface NamedRanges {
  readonly add: (chain: string, seq: number) => void
  /** Looks whether a record is an event that names places. */
  readonly addRecord: (record: AuditRecord) => void
  readonly count: () => number
  /** Where something was taken away that nobody said they took away. */
  readonly unnamed: () => readonly UnnamedRange[]
}

/** Records one behind the other. */
export interface UnnamedRange {
  readonly chain: string
  readonly from: number
  readonly to: number
}

/** Starts with none. `event` is the word of the events that name places in `details.ranges`. */
export function createNamedRanges(event: string): NamedRanges {
  const found = createSeqRanges()
  const named: SeqRanges[] = []
  return {
    add: found.add,
    addRecord: (record) => {
      if (record.type === 'event' && record.event === event) named.push(readSeqRanges(record.details['ranges']))
    },
    count: found.count,
    unnamed: () =>
      Object.entries(found.ranges()).flatMap(([chain, ranges]) => {
        const all = { [chain]: named.flatMap((one) => one[chain] ?? []) }
        return ranges.filter((range) => !coversRange(all, chain, range)).map(([from, to]) => ({ chain, from, to }))
      }),
  }
}
