import type { Assessment } from '../assessment.ts'
import { CELL, CELLS, WORDS } from './layout.ts'

/** All that is remembered of one agent: of constant size, whatever it does. */
export interface Sketch {
  agentId: string
  readonly cells: Float64Array
  readonly words: Uint32Array
  /** The address it called from last: most requests come from the same one. */
  address: string | undefined
  /** What was last said of it, for as long as that stays true. */
  assessment: Assessment
}

/** Sketches of agents, up to a number. */
export interface Sketches {
  /** The sketch of an agent; makes one, if need be in place of an old one. */
  readonly open: (agentId: string, atSeconds: number) => Sketch
  readonly find: (agentId: string) => Sketch | undefined
  readonly size: () => number
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

/** How many sketches share a block of memory. */
const BLOCK = 64
/** How many are looked at for the one that goes. */
const LOOKED_AT = 64

/** Makes room for sketches, block by block. */
export function createSketches(maxAgents: number): Sketches {
  const all: Sketch[] = []
  const byAgent = new Map<string, Sketch>()
  let cells = new Float64Array(0)
  let words = new Uint32Array(0)
  let hand = 0

  function add(): Sketch {
    const place = all.length % BLOCK
    if (place === 0) {
      cells = new Float64Array(BLOCK * CELLS)
      words = new Uint32Array(BLOCK * WORDS)
    }
    const sketch: Sketch = {
      agentId: '',
      cells: cells.subarray(place * CELLS, (place + 1) * CELLS),
      words: words.subarray(place * WORDS, (place + 1) * WORDS),
      address: undefined,
      assessment: CALM,
    }
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
    oldest.cells.fill(0)
    oldest.words.fill(0)
    oldest.address = undefined
    oldest.assessment = CALM
    return oldest
  }

  return {
    open: (agentId, atSeconds) => {
      const known = byAgent.get(agentId)
      if (known !== undefined) return known
      const sketch = all.length < maxAgents ? add() : reuse()
      sketch.agentId = agentId
      begin(sketch.cells, atSeconds)
      byAgent.set(agentId, sketch)
      return sketch
    },
    find: (agentId) => byAgent.get(agentId),
    size: () => byAgent.size,
    countRanks: () => {
      const counts = [0, 0, 0, 0, 0]
      for (const { cells } of byAgent.values()) {
        const rank = cells[CELL.rank] as number
        counts[rank] = (counts[rank] ?? 0) + 1
      }
      return counts
    },
  }
}

function keepFor({ cells }: Sketch): number {
  const isHeld = (cells[CELL.rank] as number) > 0 || (cells[CELL.heldUntil] as number) > 0
  return (cells[CELL.lastAt] as number) + (isHeld ? 1e10 : 0)
}

function begin(cells: Float64Array, atSeconds: number): void {
  cells[CELL.firstAt] = atSeconds
  cells[CELL.lastAt] = atSeconds
  cells[CELL.evidenceAt] = atSeconds
  cells[CELL.rankAt] = atSeconds
  cells[CELL.wouldRankAt] = atSeconds
  cells[CELL.ceiling] = 4
}
