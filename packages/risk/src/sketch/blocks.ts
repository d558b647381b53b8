import { VELOCITY_CELLS } from '../signals/velocity.ts'
import { CELLS, EXACT_AT, ROUNDED_AT, WORDS } from './layout.ts'

/** How many sketches share a block of memory. */
const BLOCK = 64
const EXACT = EXACT_AT.length
const ROUNDED = ROUNDED_AT.length
const EXACT_PLACES = Uint16Array.from(EXACT_AT)
const ROUNDED_PLACES = Uint16Array.from(ROUNDED_AT)
const ROUNDED_FROM = EXACT * 8
const WORDS_FROM = ROUNDED_FROM + ROUNDED * 4
const TRENDS_FROM = WORDS_FROM + WORDS * 4

/** How many bytes the kept form of an agent has, whatever it does. Doubles stand at multiples of eight. */
export const KEPT_BYTES: number = Math.ceil((TRENDS_FROM + VELOCITY_CELLS * 4) / 8) * 8

/** What signals look at and write: an agent's numbers, unpacked. One for all agents. */
export interface Unpacked {
  readonly cells: Float64Array
  readonly words: Uint32Array
}

/** Makes room for one agent's numbers. */
export function createUnpacked(): Unpacked {
  return { cells: new Float64Array(CELLS), words: new Uint32Array(WORDS) }
}

/**
 * Agents' numbers in large blocks: a typed array for each agent would cost more than half of what it holds. What belongs to one
 * agent lies side by side, so that few lines of the cache are fetched for it.
 */
interface Block {
  readonly doubles: Float64Array
  readonly floats: Float32Array
  readonly words: Uint32Array
}

/** Keeps agents' numbers by place. */
export interface Blocks {
  readonly load: (place: number, into: Unpacked) => void
  readonly save: (place: number, from: Unpacked) => void
  /** The same for the numbers of the detector of velocity, which are wanted once an hour. */
  readonly loadTrend: (place: number, into: Float64Array) => void
  readonly saveTrend: (place: number, from: Float64Array) => void
}

/** Makes blocks as places are used. */
export function createBlocks(): Blocks {
  const blocks: Block[] = []
  const blockOf = (place: number): Block => {
    const index = Math.floor(place / BLOCK)
    let block = blocks[index]
    if (block === undefined) {
      const buffer = new ArrayBuffer(BLOCK * KEPT_BYTES)
      const [doubles, floats] = [new Float64Array(buffer), new Float32Array(buffer)]
      block = { doubles, floats, words: new Uint32Array(buffer) }
      blocks[index] = block
    }
    return block
  }
  return {
    load: (place, into) => loadFrom(blockOf(place), (place % BLOCK) * KEPT_BYTES, into),
    save: (place, from) => saveInto(blockOf(place), (place % BLOCK) * KEPT_BYTES, from),
    loadTrend: (place, into) => {
      const { floats } = blockOf(place)
      const from = ((place % BLOCK) * KEPT_BYTES + TRENDS_FROM) / 4
      for (let at = 0; at < VELOCITY_CELLS; at++) into[at] = floats[from + at] as number
    },
    saveTrend: (place, from) => {
      const { floats } = blockOf(place)
      const into = ((place % BLOCK) * KEPT_BYTES + TRENDS_FROM) / 4
      for (let at = 0; at < VELOCITY_CELLS; at++) floats[into + at] = from[at] as number
    },
  }
}

// Plain loops: a view of a part, which `set` would need, is an object for each request.
function loadFrom({ doubles, floats, words }: Block, offset: number, into: Unpacked): void {
  const { cells } = into
  for (let at = 0, from = offset / 8; at < EXACT; at++) cells[EXACT_PLACES[at] as number] = doubles[from + at] as number
  for (let at = 0, from = (offset + ROUNDED_FROM) / 4; at < ROUNDED; at++)
    cells[ROUNDED_PLACES[at] as number] = floats[from + at] as number
  for (let at = 0, from = (offset + WORDS_FROM) / 4; at < WORDS; at++) into.words[at] = words[from + at] as number
}

function saveInto({ doubles, floats, words }: Block, offset: number, from: Unpacked): void {
  const { cells } = from
  for (let at = 0, into = offset / 8; at < EXACT; at++) doubles[into + at] = cells[EXACT_PLACES[at] as number] as number
  for (let at = 0, into = (offset + ROUNDED_FROM) / 4; at < ROUNDED; at++)
    floats[into + at] = cells[ROUNDED_PLACES[at] as number] as number
  for (let at = 0, into = (offset + WORDS_FROM) / 4; at < WORDS; at++) words[into + at] = from.words[at] as number
}
