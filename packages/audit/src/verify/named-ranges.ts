import type { SealedMembers } from '../record/chain.ts'
import { createSeqRanges, mergeRanges, readSeqRanges, type SeqRange, type SeqRanges, uncovered } from './seq-ranges.ts'

/** Places from which something was taken away, and which of these no event of the trail names that counts. */
export interface NamedRanges {
  /** Something is gone at a place: its whole record, or values by name. */
  readonly add: (place: Place, names: readonly string[]) => void
  /** Looks whether a record is an event that names places. */
  readonly addRecord: (sealed: SealedMembers) => void
  /** Where something was taken away, and no event that counts says so. */
  readonly unnamed: (anchoredTo: (chain: string) => number) => readonly UnnamedRange[]
}

/** Where a record stands. */
export interface Place {
  readonly chain: string
  readonly seq: number
}

/** Records one behind the other. */
export interface UnnamedRange {
  readonly chain: string
  readonly from: number
  readonly to: number
  /** Whether it is named, but by an event that no checkpoint vouches for. */
  readonly isNamed: boolean
}

interface Naming extends Place {
  readonly ranges: SeqRanges
  /** Names of values; all of them when the event has none. */
  readonly values: readonly unknown[] | undefined
}

/**
 * Starts with none. `event` is the word of the events that name places in `details.ranges`. What is anchored may only be
 * taken away by an event that is anchored too: any other can be written by whoever took it.
 */
export function createNamedRanges(event: string): NamedRanges {
  const found = new Map<string, ReturnType<typeof createSeqRanges>>()
  const namings: Naming[] = []

  /** All that names values of this name, as ranges of one chain. */
  function coverOf(name: string, chain: string, counts: (naming: Naming) => boolean): readonly SeqRange[] {
    const named = namings.filter((naming) => counts(naming) && (naming.values?.includes(name) ?? true))
    return mergeRanges(named.flatMap(({ ranges }) => (Object.hasOwn(ranges, chain) ? (ranges[chain] ?? []) : [])))
  }

  return {
    add: ({ chain, seq }, names) => {
      for (const name of names) {
        const places = found.get(name) ?? createSeqRanges()
        found.set(name, places)
        places.add(chain, seq)
      }
    },
    addRecord: ({ chain, seq, record }) => {
      if (record.type !== 'event' || record.event !== event) return
      const { ranges, values } = record.details
      namings.push({ chain, seq, ranges: readSeqRanges(ranges), values: Array.isArray(values) ? values : undefined })
    },
    unnamed: (anchoredTo) => {
      const missing = new Map<string, UnnamedRange>()
      const isAnchored = ({ chain, seq }: Place): boolean => seq <= anchoredTo(chain)
      for (const [name, places] of found) {
        for (const [chain, ranges] of Object.entries(places.ranges())) {
          const end = anchoredTo(chain)
          const byAny = coverOf(name, chain, () => true)
          const byAnchored = coverOf(name, chain, isAnchored)
          const gone = [
            ...uncovered(cut(ranges, 1, end), byAnchored),
            ...uncovered(cut(ranges, end + 1, Number.MAX_SAFE_INTEGER), byAny),
          ]
          for (const [from, to] of gone) {
            const isNamed = uncovered([[from, to]], byAny).length === 0
            missing.set(`${chain}\n${from}\n${to}`, { chain, from, to, isNamed })
          }
        }
      }
      return [...missing.values()]
    },
  }
}

/** What of these ranges lies between two places. */
function cut(ranges: readonly SeqRange[], first: number, last: number): readonly SeqRange[] {
  return ranges.flatMap(([from, to]): readonly SeqRange[] => {
    const range: SeqRange = [Math.max(from, first), Math.min(to, last)]
    return range[0] <= range[1] ? [range] : []
  })
}
