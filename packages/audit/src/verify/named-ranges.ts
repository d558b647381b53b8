import type { SealedMembers } from '../record/chain.ts'
import {
  mergeRanges,
  readSeqRanges,
  type SeqRange,
  SeqRangeCollector,
  type SeqRanges,
  uncovered,
} from './seq-ranges.ts'

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
 * Places from which something was taken away, and events of the trail that name places in `details.ranges`. What is anchored
 * may only be taken away by an event that is anchored too: any other can be written by the thief.
 */
export class NamedRanges {
  private readonly event: string
  private readonly found = new Map<string, SeqRangeCollector>()
  private readonly namings: Naming[] = []

  /** `event`: the word of the events that name places. */
  constructor(event: string) {
    this.event = event
  }

  /** Something is gone at a place: its whole record, or values by name. */
  add({ chain, seq }: Place, names: readonly string[]): void {
    for (const name of names) {
      const places = this.found.get(name) ?? new SeqRangeCollector()
      this.found.set(name, places)
      places.add(chain, seq)
    }
  }

  /** Looks whether a record is an event that names places. */
  addRecord({ chain, seq, record }: SealedMembers): void {
    if (record.type !== 'event' || record.event !== this.event) return
    const { ranges, values } = record.details
    const names = Array.isArray(values) ? values : undefined
    this.namings.push({ chain, seq, ranges: readSeqRanges(ranges), values: names })
  }

  /** Where something was taken away, and no event that counts names it. */
  unnamed(anchoredTo: (chain: string) => number): readonly UnnamedRange[] {
    const missing = new Map<string, UnnamedRange>()
    for (const [name, places] of this.found) {
      for (const [chain, ranges] of Object.entries(places.ranges())) {
        for (const range of this.unnamedOf(name, chain, ranges, anchoredTo)) {
          missing.set(`${chain}\n${range.from}\n${range.to}`, range)
        }
      }
    }
    return [...missing.values()]
  }

  private unnamedOf(
    name: string,
    chain: string,
    ranges: readonly SeqRange[],
    anchoredTo: (chain: string) => number,
  ): readonly UnnamedRange[] {
    const end = anchoredTo(chain)
    const byAny = this.coverOf(name, chain, () => true)
    const byAnchored = this.coverOf(name, chain, (naming) => naming.seq <= anchoredTo(naming.chain))
    const gone = [
      ...uncovered(cut(ranges, 1, end), byAnchored),
      ...uncovered(cut(ranges, end + 1, Number.MAX_SAFE_INTEGER), byAny),
    ]
    return gone.map(([from, to]) => ({ chain, from, to, isNamed: uncovered([[from, to]], byAny).length === 0 }))
  }

  /** All that names values of this name, as ranges of one chain. */
  private coverOf(name: string, chain: string, counts: (naming: Naming) => boolean): readonly SeqRange[] {
    const named = this.namings.filter((naming) => counts(naming) && (naming.values?.includes(name) ?? true))
    return mergeRanges(named.flatMap(({ ranges }) => (Object.hasOwn(ranges, chain) ? (ranges[chain] ?? []) : [])))
  }
}

/** What of these ranges lies between two places. */
function cut(ranges: readonly SeqRange[], first: number, last: number): readonly SeqRange[] {
  return ranges.flatMap(([from, to]): readonly SeqRange[] => {
    const range: SeqRange = [Math.max(from, first), Math.min(to, last)]
    return range[0] <= range[1] ? [range] : []
  })
}
