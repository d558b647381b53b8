import { VELOCITY_CELLS } from '../signals/velocity.ts'
import { createUnpacked } from '../sketch/blocks.ts'
import { CELL } from '../sketch/layout.ts'
import type { Sketch, Sketches } from '../sketch/sketches.ts'

/** The numbers of one agent, to be kept elsewhere. */
export interface KeptAgent {
  readonly agentId: string
  readonly cells: Float64Array
  readonly words: Uint32Array
  /** Those of the detector of velocity. @default it begins anew */
  readonly trend?: Float64Array
}

/** How agents leave and come back. */
export interface KeptAgents {
  /** Agents at a level or above it, some at most. */
  readonly agentsFrom: (rank: number, most: number) => readonly string[]
  /** The numbers of every agent, one after the other: what is given is overwritten by the next. */
  readonly keep: () => Iterable<KeptAgent>
  /** Those of one agent: overwritten by the next that is asked for. */
  readonly keepOne: (agentId: string) => KeptAgent | undefined
  readonly has: (agentId: string) => boolean
  /** The level, 0 for `allow`, also of an agent that is not known. */
  readonly rankOf: (agentId: string) => number
  /** Leaves an agent as if it had never been seen. */
  readonly forget: (agentId: string) => void
  /** Takes up the numbers of an agent where they were left. */
  readonly restore: (kept: KeptAgent) => void
}

/** Makes what takes agents out of sketches, and puts them in. */
export function createKeptAgents(sketches: Sketches): KeptAgents {
  const unpacked = createUnpacked()
  const trend = new Float64Array(VELOCITY_CELLS)
  const take = (sketch: Sketch): KeptAgent => {
    sketches.load(sketch, unpacked)
    sketches.trends.loadTrend(sketch.place, trend)
    return { agentId: sketch.agentId, ...unpacked, trend }
  }
  return {
    agentsFrom: (rank, most) => {
      const found: string[] = []
      for (const each of sketches.all()) if (found.length < most && each.rank >= rank) found.push(each.agentId)
      return found
    },
    *keep() {
      for (const sketch of sketches.all()) yield take(sketch)
    },
    keepOne: (agentId) => {
      const sketch = sketches.find(agentId)
      return sketch && take(sketch)
    },
    has: (agentId) => sketches.find(agentId) !== undefined,
    rankOf: (agentId) => sketches.find(agentId)?.rank ?? 0,
    forget: sketches.remove,
    restore: ({ agentId, cells, words, trend: kept }) => {
      const sketch = sketches.find(agentId) ?? sketches.create(agentId)
      sketches.save(sketch, { cells, words })
      trend.fill(0)
      if (kept !== undefined) trend.set(kept)
      sketches.trends.saveTrend(sketch.place, trend)
      takeNote(sketch, cells)
    },
  }
}

/** Notes what is asked of an agent without unpacking it. */
export function takeNote(sketch: Sketch, cells: Float64Array): void {
  sketch.rank = cells[CELL.rank] as number
  sketch.isHeld = (cells[CELL.heldUntil] as number) > 0
  sketch.lastAt = Math.floor(cells[CELL.lastAt] as number)
}
