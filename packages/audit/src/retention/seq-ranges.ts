/** Places in chains, as ranges: what an event names in a few words however many records it is about. */
export type SeqRanges = Readonly<Record<string, readonly (readonly [from: number, to: number])[]>>

/** Collects places that come in order. */
export interface SeqRangeCollector {
  readonly add: (chain: string, seq: number) => void
  readonly count: () => number
  readonly ranges: () => SeqRanges
}

/** Starts with none. */
export function createSeqRanges(): SeqRangeCollector {
  const chains = new Map<string, [from: number, to: number][]>()
  let count = 0
  return {
    add: (chain, seq) => {
      count += 1
      const ranges = chains.get(chain) ?? []
      chains.set(chain, ranges)
      const last = ranges.at(-1)
      if (last !== undefined && seq === last[1] + 1) last[1] = seq
      else ranges.push([seq, seq])
    },
    count: () => count,
    ranges: () => Object.fromEntries(chains),
  }
}

/** Reads ranges out of an event; whatever is none is left out. */
export function readSeqRanges(value: unknown): SeqRanges {
  if (typeof value !== 'object' || value === null) return {}
  const chains = Object.entries(value).map(([chain, ranges]): [string, [number, number][]] => {
    const list: readonly unknown[] = Array.isArray(ranges) ? ranges : []
    return [chain, list.flatMap(readRange)]
  })
  return Object.fromEntries(chains)
}

function readRange(range: unknown): [number, number][] {
  const [from, to]: readonly unknown[] = Array.isArray(range) ? range : []
  return typeof from === 'number' && typeof to === 'number' && from <= to ? [[from, to]] : []
}

/** Whether one of several ranges holds all of another. */
export function coversRange(all: SeqRanges, chain: string, [from, to]: readonly [number, number]): boolean {
  let next = from
  for (const [start, end] of [...(all[chain] ?? [])].sort(([a], [b]) => a - b)) {
    if (start <= next && end >= next) next = end + 1
  }
  return next > to
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

const MAX_RANGES = 10_000
