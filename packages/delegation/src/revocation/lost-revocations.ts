import { hash, randomBytes } from 'node:crypto'

/** Some bits of a fixed number are set for each name. With 32 for each that fits, one name in 100,000 is mistaken for another. */
interface Filter {
  bits: Uint8Array | undefined
  count: number
  until: number
}

const BITS_EACH = 32
const BITS_SET = 8
const SALT_BYTES = 16

/**
 * Revocations that found no room in a list: enough is kept of each to refuse what it was about, not to tell what that was. Keeps
 * about `capacity` of them apart; with many more of them everything counts as lost.
 */
export class LostRevocations {
  readonly #bytes: number
  // Names are chosen by others: without a secret they could choose names that look revoked to us.
  readonly #salt = randomBytes(SALT_BYTES).toString('base64url')
  // What ends never has its own place, so that the rest can be forgotten.
  readonly #lasting = createFilter()
  #passing = createFilter()

  constructor(capacity: number) {
    // Power of two, so that a remainder is no better for one bit than for another.
    this.#bytes = 2 ** Math.ceil(Math.log2(Math.max(64, (capacity * BITS_EACH) / 8)))
  }

  /** `until` in Unix seconds: nothing it covers can be alive after this. */
  add(key: string, until: number): void {
    const filter = Number.isFinite(until) ? this.#passing : this.#lasting
    filter.bits ??= new Uint8Array(this.#bytes)
    filter.count += 1
    filter.until = Math.max(filter.until, until)
    for (const position of this.#positionsOf(key)) {
      filter.bits[position >>> 3] = (filter.bits[position >>> 3] ?? 0) | (1 << (position & 7))
    }
  }

  /** Whether one of the names may have been revoked; never `false` for one that was. */
  mayHold(keys: readonly string[]): boolean {
    return keys.some((key) => {
      const positions = this.#positionsOf(key)
      return holds(this.#passing, positions) || holds(this.#lasting, positions)
    })
  }

  /** Forgets what can no longer matter. */
  expire(now: number): void {
    if (this.#passing.count > 0 && this.#passing.until < now) this.#passing = createFilter()
  }

  /** How many are not forgotten yet. */
  size(): number {
    return this.#passing.count + this.#lasting.count
  }

  #positionsOf(key: string): readonly number[] {
    const digest = hash('sha256', `${this.#salt} ${key}`, 'buffer')
    return Array.from({ length: BITS_SET }, (_bit, index) => digest.readUInt32LE(index * 4) % (this.#bytes * 8))
  }
}

function holds({ bits }: Filter, positions: readonly number[]): boolean {
  return bits !== undefined && positions.every((at) => ((bits[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0)
}

function createFilter(): Filter {
  return { bits: undefined, count: 0, until: Number.NEGATIVE_INFINITY }
}
