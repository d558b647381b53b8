import type { Assessment } from '../assessment.ts'
import { type Blocks, createBlocks, type Unpacked } from './blocks.ts'

/** All that is remembered of one agent: of constant size, whatever it does. Its numbers lie in a block. */
export interface Sketch {
  agentId: string
  readonly place: number
  /** The address it called from last: most requests come from the same one. */
  address: string | undefined
  /** What was last said of it, for as long as that stays true. */
  assessment: Assessment
  /** Its level, 0 for `allow`. */
  rank: number
  /** Unix seconds. */
  lastAt: number
  /** Whether a reviewer holds its level. */
  isHeld: boolean
}

/** Sketches of agents, up to a number. */
export interface Sketches {
  /** A sketch for an agent that has none, if need be in place of an old one. Its numbers are still those of the old one. */
  readonly create: (agentId: string) => Sketch
  readonly find: (agentId: string) => Sketch | undefined
  readonly remove: (agentId: string) => void
  /** Unpacks the numbers of an agent. */
  readonly load: (sketch: Sketch, into: Unpacked) => void
  readonly save: (sketch: Sketch, from: Unpacked) => void
  /** Where the numbers of the detector of velocity are. */
  readonly trends: Pick<Blocks, 'loadTrend' | 'saveTrend'>
  readonly size: () => number
  /** Every sketch that is in use. */
  readonly all: () => Iterable<Sketch>
  /** How many agents are at each level, `allow` first. */
  readonly countRanks: () => readonly number[]
}

/** What is said of an agent that nothing counts against. */
export const CALM: Assessment = Object.freeze({
  score: 0,
  level: 'allow',
  wouldBe: 'allow',
  reasons: Object.freeze([]),
})

const FRESH = { address: undefined, assessment: CALM, rank: 0, lastAt: 0, isHeld: false } as const

/** How many are looked at for the one that goes. */
const LOOKED_AT = 64

/** Makes room for sketches, block by block. */
export function createSketches(maxAgents: number): Sketches {
  const all: Sketch[] = []
  const byAgent = new Map<string, Sketch>()
  const free: Sketch[] = []
  const blocks = createBlocks()
  let hand = 0

  function add(): Sketch {
    const sketch: Sketch = { agentId: '', place: all.length, ...FRESH }
    all.push(sketch)
    return sketch
  }

  /** The one not seen for longest of some, and rather one that nothing counts against: to come back as new must not clear an agent. */
  function reuse(): Sketch {
    let oldest = all[hand % all.length] as Sketch
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      hand = (hand + 1) % all.length
      const next = all[hand] as Sketch
      if (keepFor(next) < keepFor(oldest)) oldest = next
    }
    byAgent.delete(oldest.agentId)
    return Object.assign(oldest, FRESH)
  }

  return {
    create: (agentId) => {
      const sketch = free.pop() ?? (all.length < maxAgents ? add() : reuse())
      sketch.agentId = agentId
      byAgent.set(agentId, sketch)
      return sketch
    },
    find: (agentId) => byAgent.get(agentId),
    remove: (agentId) => {
      const sketch = byAgent.get(agentId)
      if (sketch === undefined) return
      byAgent.delete(agentId)
      free.push(Object.assign(sketch, FRESH))
    },
    load: ({ place }, into) => blocks.load(place, into),
    save: ({ place }, from) => blocks.save(place, from),
    trends: blocks,
    size: () => byAgent.size,
    all: () => byAgent.values(),
    countRanks: () => {
      const counts = [0, 0, 0, 0, 0]
      for (const { rank } of byAgent.values()) counts[rank] = (counts[rank] ?? 0) + 1
      return counts
    },
  }
}

function keepFor({ rank, isHeld, lastAt }: Sketch): number {
  return lastAt + (rank > 0 || isHeld ? 1e10 : 0)
}
