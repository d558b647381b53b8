import { hash } from 'node:crypto'
import type { KeptAgent } from '../memory/kept-agents.ts'
import { SIGNAL_NAMES } from '../score/weights.ts'
import { VELOCITY_CELLS } from '../signals/velocity.ts'
import { CELL, CELLS, SEEN, WORDS } from '../sketch/layout.ts'

/** What the numbers mean: a snapshot of another layout is none. */
const LAYOUT = hash('sha256', JSON.stringify([CELL, SEEN, SIGNAL_NAMES, VELOCITY_CELLS]), 'base64url').slice(0, 8)
const RANKS = 4

/** An agent's numbers as text: times as doubles, all else in half the room. */
export function writeSnapshot({ cells, words, trend = new Float64Array(VELOCITY_CELLS) }: KeptAgent): string {
  const parts = [cells, words, Float32Array.from(trend)].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  )
  return `${LAYOUT}.${Buffer.concat(parts).toString('base64')}`
}

/** Reads an agent's numbers; `undefined` for what is no snapshot of this layout. */
export function readSnapshot(agentId: string, text: string): KeptAgent | undefined {
  if (!text.startsWith(`${LAYOUT}.`)) return undefined
  const bytes = new Uint8Array(Buffer.from(text.slice(LAYOUT.length + 1), 'base64')).buffer
  if (bytes.byteLength !== CELLS * 8 + WORDS * 4 + VELOCITY_CELLS * 4) return undefined
  const cells = new Float64Array(bytes, 0, CELLS)
  const isWhole = cells.every(Number.isFinite) && [CELL.rank, CELL.wouldRank, CELL.floor, CELL.ceiling].every(isRank)
  if (!isWhole) return undefined
  const trend = Float64Array.from(new Float32Array(bytes, CELLS * 8 + WORDS * 4, VELOCITY_CELLS))
  return { agentId, cells, words: new Uint32Array(bytes, CELLS * 8, WORDS), trend }

  function isRank(cell: number): boolean {
    const rank = cells[cell] as number
    return Number.isInteger(rank) && rank >= 0 && rank <= RANKS
  }
}
