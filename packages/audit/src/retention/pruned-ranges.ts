import type { AuditRecord } from '../audit-record.ts'
import type { PrunedMembers } from './pruned-line.ts'
import { coversRange, createSeqRanges, readSeqRanges, type SeqRanges } from './seq-ranges.ts'

/** Which records were pruned, and which of these no event of the trail names. */
export interface PrunedRanges {
  readonly addPruned: (pruned: PrunedMembers) => void
  readonly addRecord: (record: AuditRecord) => void
  readonly count: () => number
  /** Where something was taken away that nobody said they took away. */
  readonly unnamed: () => readonly { readonly chain: string; readonly from: number; readonly to: number }[]
}

/** Starts with none. */
export function createPrunedRanges(): PrunedRanges {
  const found = createSeqRanges()
  const named: SeqRanges[] = []
  return {
    addPruned: ({ chain, seq }) => found.add(chain, seq),
    addRecord: (record) => {
      if (record.type === 'event' && record.event === 'records_pruned')
        named.push(readSeqRanges(record.details['ranges']))
    },
    count: found.count,
    unnamed: () =>
      Object.entries(found.ranges()).flatMap(([chain, ranges]) => {
        const all = { [chain]: named.flatMap((one) => one[chain] ?? []) }
        return ranges.filter((range) => !coversRange(all, chain, range)).map(([from, to]) => ({ chain, from, to }))
      }),
  }
}
