import { hash } from 'node:crypto'
import type { KeptAgent } from '../memory/kept-agents.ts'
import { SIGNAL_NAMES } from '../score/weights.ts'
import { VELOCITY_CELLS } from '../signals/velocity.ts'
import { CELL, CELLS, SEEN, WORDS } from '../sketch/layout.ts'
import { beginCells } from '../sketch/times.ts'

/** What the numbers mean: of a snapshot of another layout only the level is read, and what a person decided of it. */
const LAYOUT = hash('sha256', JSON.stringify([CELL, SEEN, SIGNAL_NAMES, VELOCITY_CELLS]), 'base64url').slice(0, 8)
const RANKS = 4

/** What every version understands, in this order; whole numbers. */
const STATED = [CELL.rank, CELL.floor, CELL.ceiling, CELL.heldUntil, CELL.lastAt] as const

/** An agent's numbers as text: what every version understands, times as doubles, all else in half the room. */
export function writeSnapshot({ cells, words, trend = new Float64Array(VELOCITY_CELLS) }: KeptAgent): string {
  const parts = [cells, words, Float32Array.from(trend)].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  )
  const stated = STATED.map((cell) => Math.ceil(cells[cell] as number)).join(',')
  return `${LAYOUT}.${stated}.${Buffer.concat(parts).toString('base64')}`
}

/** Reads an agent's numbers, or its level alone where another version wrote them; `undefined` for what is no snapshot. */
export function readSnapshot(agentId: string, text: string): KeptAgent | undefined {
  const [layout, stated = '', numbers = ''] = text.split('.')
  if (layout !== LAYOUT) return readStated(agentId, stated)
  const bytes = new Uint8Array(Buffer.from(numbers, 'base64')).buffer
  if (bytes.byteLength !== CELLS * 8 + WORDS * 4 + VELOCITY_CELLS * 4) return undefined
  const cells = new Float64Array(bytes, 0, CELLS)
  if (!(cells.every(Number.isFinite) && hasRanks(cells))) return undefined
  const trend = Float64Array.from(new Float32Array(bytes, CELLS * 8 + WORDS * 4, VELOCITY_CELLS))
  return { agentId, cells, words: new Uint32Array(bytes, CELLS * 8, WORDS), trend }
}

/** An update of the library takes no level away, and lifts nothing that a person decided; the baseline begins anew. */
function readStated(agentId: string, stated: string): KeptAgent | undefined {
  const values = stated.split(',').map(Number)
  if (values.length !== STATED.length || !values.every((value) => Number.isSafeInteger(value) && value >= 0)) {
    return undefined
  }
  const [cells, words] = [new Float64Array(CELLS), new Uint32Array(WORDS)]
  beginCells({ cells, words }, values.at(-1) as number)
  for (const [at, cell] of STATED.entries()) cells[cell] = values[at] as number
  return hasRanks(cells) ? { agentId, cells, words } : undefined
}

function hasRanks(cells: Float64Array): boolean {
  return [CELL.rank, CELL.wouldRank, CELL.floor, CELL.ceiling].every((cell) => {
    const rank = cells[cell] as number
    return Number.isInteger(rank) && rank >= 0 && rank <= RANKS
  })
}
