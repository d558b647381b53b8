import { createHmac } from 'node:crypto'

/** The place that is given away as the n-th: each once. */
export type PlaceOrder = (n: number) => number

const ROUNDS = 8

/**
 * An order of places that only the secret tells: a Feistel network over the smallest even number of bits that holds them all,
 * walked on until the result is a place (Black and Rogaway, Ciphers with Arbitrary Finite Domains, section 4).
 * @param count at most 2^24
 */
export function createPlaceOrder(secret: string, count: number): PlaceOrder {
  const halfBits = Math.max(1, Math.ceil(Math.log2(count) / 2))
  const mask = 2 ** halfBits - 1
  const mix = (round: number, half: number): number => {
    const digest = createHmac('sha256', secret)
      .update(Uint8Array.of(round, half >> 8, half & 255))
      .digest()
    return digest.readUInt16BE(0) & mask
  }
  const permute = (n: number): number => {
    let [left, right] = [n >> halfBits, n & mask]
    for (let round = 0; round < ROUNDS; round += 1) [left, right] = [right, left ^ mix(round, right)]
    return left * (mask + 1) + right
  }
  return (n) => {
    let place = permute(n)
    while (place >= count) place = permute(place)
    return place
  }
}
