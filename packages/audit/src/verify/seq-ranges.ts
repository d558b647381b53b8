import { isJsonObject } from '@countermark/core/internal'
import type { SealedMembers } from '../record/chain.ts'

/** Places one behind the other, the last one included. */
export type SeqRange = readonly [from: number, to: number]

const MAX_RANGES = 10_000

/** Places in chains, as ranges: what an event names in a few words however many records it is about. */
export type SeqRanges = Readonly<Record<string, readonly SeqRange[]>>

/** Collects places that come in order. */
export class SeqRangeCollector {
  count = 0
  private readonly chains = new Map<string, [from: number, to: number][]>()

  add(chain: string, seq: number): void {
    this.count += 1
    const ranges = this.chains.get(chain) ?? []
    this.chains.set(chain, ranges)
    const last = ranges.at(-1)
    if (last !== undefined && seq === last[1] + 1) last[1] = seq
    else ranges.push([seq, seq])
  }

  ranges(): SeqRanges {
    return Object.fromEntries(this.chains)
  }
}

/** Reads ranges out of an event; what is no range is left out. */
export function readSeqRanges(value: unknown): SeqRanges {
  if (!isJsonObject(value)) return {}
  const chains = Object.entries(value).map(([chain, ranges]): [string, [number, number][]] => {
    const list: readonly unknown[] = Array.isArray(ranges) ? ranges : []
    return [chain, list.flatMap(readRange)]
  })
  return Object.fromEntries(chains)
}

function readRange(range: unknown): [number, number][] {
  const [from, to]: readonly unknown[] = Array.isArray(range) ? range : []
  if (typeof from !== 'number' || typeof to !== 'number') return []
  return Number.isSafeInteger(from) && Number.isSafeInteger(to) && from <= to ? [[from, to]] : []
}

/** The same places in order, each once. */
export function mergeRanges(ranges: readonly SeqRange[]): readonly SeqRange[] {
  const merged: [number, number][] = []
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = merged.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged
}

/** What of these ranges no range of `cover` holds. */
export function uncovered(ranges: readonly SeqRange[], cover: readonly SeqRange[]): readonly SeqRange[] {
  const merged = mergeRanges(cover)
  let at = 0
  return mergeRanges(ranges).flatMap(([from, to]) => {
    const left: SeqRange[] = []
    let next = from
    for (; at < merged.length; at++) {
      const [start = 0, end = 0] = merged[at] ?? []
      if (start > to) break
      if (start > next) left.push([next, start - 1])
      next = Math.max(next, end + 1)
      // It may hold the beginning of the next range too.
      if (end > to) break
    }
    if (next <= to) left.push([next, to])
    return left
  })
}

/** The same ranges in parts of at most `most`, each small enough for one event. One part at least. */
export function splitRanges(ranges: SeqRanges, most: number = MAX_RANGES): readonly SeqRanges[] {
  const all = Object.entries(ranges).flatMap(([chain, list]) => list.map((range) => [chain, range] as const))
  const count = Math.max(1, Math.ceil(all.length / most))
  return Array.from({ length: count }, (_, index) => {
    const part = new Map<string, (readonly [from: number, to: number])[]>()
    for (const [chain, range] of all.slice(index * most, (index + 1) * most)) {
      const ranges = part.get(chain) ?? []
      part.set(chain, ranges)
      ranges.push(range)
    }
    return Object.fromEntries(part)
  })
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
