import { randomFillSync } from 'node:crypto'

/** Draws random bytes; what is returned is good until the next draw. */
export type RandomDraw = (size: number) => Uint8Array

const DRAWN_AT_ONCE = 2048

/** Asks the generator once for many nonces, which costs as much as asking for one. Each byte is given out once. */
export function createRandomDraw(): RandomDraw {
  const drawn = Buffer.alloc(DRAWN_AT_ONCE)
  let at = drawn.length
  return (size) => {
    if (at + size > drawn.length) {
      randomFillSync(drawn)
      at = 0
    }
    at += size
    return drawn.subarray(at - size, at)
  }
}
