import { isJsonObject } from '@countermark/core/internal'

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
