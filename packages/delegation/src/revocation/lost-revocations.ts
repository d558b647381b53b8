import { hash, randomBytes } from 'node:crypto'

/** Revocations that found no room in a list: enough is kept of each to refuse what it was about, not to tell what that was. */
export interface LostRevocations {
  /** `until` in Unix seconds: nothing it covers can be alive after this. */
  readonly add: (key: string, until: number) => void
  /** Whether one of the names may have been revoked; never `false` for one that was. */
  readonly mayHold: (keys: readonly string[]) => boolean
  /** Forgets what can no longer matter. */
  readonly expire: (now: number) => void
  /** How many are not forgotten yet. */
  readonly size: () => number
}

/** Some bits of a fixed number are set for each name. With 32 for each that fits, one name in 100,000 is mistaken for another. */
interface Filter {
  bits: Uint8Array | undefined
  count: number
  until: number
}

const BITS_EACH = 32
const BITS_SET = 8
const SALT_BYTES = 16

/** Keeps about `capacity` lost ones apart; with many more of them everything counts as lost. */
export function createLostRevocations(capacity: number): LostRevocations {
  // Power of two, so that a remainder is no better for one bit than for another.
  const bytes = 2 ** Math.ceil(Math.log2(Math.max(64, (capacity * BITS_EACH) / 8)))
  // Names are chosen by others: without a secret they could choose names that look revoked to us.
  const salt = randomBytes(SALT_BYTES).toString('base64url')
  // What ends never has its own place, so that the rest can be forgotten.
  const passing = createFilter()
  const lasting = createFilter()
  const positionsOf = (key: string): readonly number[] => {
    const digest = hash('sha256', `${salt} ${key}`, 'buffer')
    return Array.from({ length: BITS_SET }, (_bit, index) => digest.readUInt32LE(index * 4) % (bytes * 8))
  }
  const holds = ({ bits }: Filter, positions: readonly number[]): boolean =>
    bits !== undefined && positions.every((position) => ((bits[position >>> 3] ?? 0) & (1 << (position & 7))) !== 0)
  return {
    add: (key, until) => {
      const filter = Number.isFinite(until) ? passing : lasting
      filter.bits ??= new Uint8Array(bytes)
      filter.count += 1
      filter.until = Math.max(filter.until, until)
      for (const position of positionsOf(key)) {
        filter.bits[position >>> 3] = (filter.bits[position >>> 3] ?? 0) | (1 << (position & 7))
      }
    },
    mayHold: (keys) =>
      keys.some((key) => {
        const positions = positionsOf(key)
        return holds(passing, positions) || holds(lasting, positions)
      }),
    expire: (now) => {
      if (passing.count > 0 && passing.until < now) Object.assign(passing, createFilter())
    },
    size: () => passing.count + lasting.count,
  }
}

function createFilter(): Filter {
  return { bits: undefined, count: 0, until: Number.NEGATIVE_INFINITY }
}
