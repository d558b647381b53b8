import type { SeenSet } from './layout.ts'

/** Whether something was seen before; remembers it in place of what came in first. 0 is nothing and always seen. */
export function seeAgain(words: Uint32Array, { from, size }: SeenSet, hash: number): boolean {
  if (hash === 0) return true
  for (let place = from + 1; place <= from + size; place++) if (words[place] === hash) return true
  const count = words[from] as number
  words[from + 1 + (count % size)] = hash
  words[from] = count + 1
  return false
}

/** How many things are remembered. */
export function countSeen(words: Uint32Array, { from, size }: SeenSet): number {
  return Math.min(size, words[from] as number)
}

/** Counts distinct things by bits: linear counting (Whang et al. 1990), good to some percent up to twice its bits. */
export function markDistinct(words: Uint32Array, { from, size }: SeenSet, hash: number): boolean {
  const bit = (hash ^ (hash >>> 15)) % (size * 32)
  const place = from + 1 + (bit >>> 5)
  const mask = (1 << (bit & 31)) >>> 0
  if (((words[place] as number) & mask) !== 0) return false
  words[place] = ((words[place] as number) | mask) >>> 0
  return true
}

/** Forgets what was marked or seen. */
export function forgetSeen(words: Uint32Array, { from, size }: SeenSet): void {
  words.fill(0, from, from + size + 1)
}
