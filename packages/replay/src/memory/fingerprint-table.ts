import { randomFillSync } from 'node:crypto'

/** Remembers ids until their end, 16 bytes each. Times are Unix seconds. */
export interface FingerprintTable {
  /** Whether an id was added and has not ended. Its place is kept for {@link FingerprintTable.addFound}. */
  readonly has: (id: Uint8Array, nowSecond: number) => boolean
  /** Remembers what was looked up last while `now ≤ lastSecond`. */
  readonly addFound: (lastSecond: number, nowSecond: number) => void
}

/** Many small tables, so that growing one never takes long. */
const SHARD_BITS = 10
/** 96 bits of the id, and its last second; a slot whose last second is zero is free. */
const SLOT_WORDS = 4
const LAST_SECOND = 3
const MAX_LOAD = 0.8
/** Slots for each live id after a rebuild: between 1 / 0.8 and this, so 20 to 28 bytes. */
const SPARE = 1.75

interface Shard {
  readonly slots: Uint32Array
  /** Slots taken, also by ids that have ended. */
  used: number
}

/** Where an id lives, and the 96 bits that are compared. One object serves every call: it is read at once. */
interface Place {
  first: number
  second: number
  third: number
  shard: number
  /** The first slot to look at, as a fraction of the shard. */
  start: number
}

/**
 * Open addressing in typed arrays: no object and no string is kept for an id. A shard that fills up is rebuilt without the
 * ids that have ended. Two ids with the same 96 bits would be taken for one, so an id must be a cryptographic hash: among
 * a million live ones a new id meets one of them with a probability of 1.3e-23, and is refused.
 */
export function createFingerprintTable(): FingerprintTable {
  const shards: (Shard | undefined)[] = new Array(2 ** SHARD_BITS).fill(undefined)
  const placeOf = createPlacing()
  let found: Place = placeOf(0, 0, 0)
  let slot = -1
  return {
    has: (id, nowSecond) => {
      found = placeOf(wordAt(id, 0), wordAt(id, 4), wordAt(id, 8))
      const shard = shards[found.shard]
      if (shard === undefined) {
        slot = -1
        return false
      }
      slot = findSlot(shard.slots, found)
      return isLive(at(shard.slots, slot + LAST_SECOND), nowSecond)
    },
    addFound: (lastSecond, nowSecond) => {
      const known = shards[found.shard]
      const end = Math.min(lastSecond, 0xffffffff)
      if (known !== undefined && slot >= 0 && hasRoom(known)) {
        write(known, slot, found, end)
        return
      }
      const { first, second, third, shard: index } = found
      const shard = rebuild(known, nowSecond, placeOf)
      shards[index] = shard
      insert(shard, placeOf(first, second, third), end)
    },
  }
}

type Placing = (first: number, second: number, third: number) => Place

/** Without a secret, a caller could choose nonces that all fall into one slot and make every look-up long. */
function createPlacing(): Placing {
  const [a = 1, b = 1, c = 1, d = 1, e = 1, f = 1] = randomFillSync(new Uint32Array(6)).map((word) => word | 1)
  const place: Place = { first: 0, second: 0, third: 0, shard: 0, start: 0 }
  return (first, second, third) => {
    place.first = first
    place.second = second
    place.third = third
    place.shard = (Math.imul(first, a) + Math.imul(second, b) + Math.imul(third, c)) >>> (32 - SHARD_BITS)
    place.start = ((Math.imul(first, d) + Math.imul(second, e) + Math.imul(third, f)) >>> 0) / 2 ** 32
    return place
  }
}

/** The slot that holds the words, or the free one where they belong. */
function findSlot(slots: Uint32Array, place: Place): number {
  let slot = Math.floor((place.start * slots.length) / SLOT_WORDS) * SLOT_WORDS
  while (at(slots, slot + LAST_SECOND) !== 0 && !holds(slots, slot, place)) {
    slot += SLOT_WORDS
    if (slot === slots.length) slot = 0
  }
  return slot
}

function holds(slots: Uint32Array, slot: number, place: Place): boolean {
  return slots[slot] === place.first && slots[slot + 1] === place.second && slots[slot + 2] === place.third
}

function hasRoom({ slots, used }: Shard): boolean {
  return used + 1 <= (slots.length / SLOT_WORDS) * MAX_LOAD
}

function insert(shard: Shard, place: Place, lastSecond: number): void {
  write(shard, findSlot(shard.slots, place), place, lastSecond)
}

function write(shard: Shard, slot: number, place: Place, lastSecond: number): void {
  const { slots } = shard
  if (at(slots, slot + LAST_SECOND) === 0) shard.used += 1
  slots[slot] = place.first
  slots[slot + 1] = place.second
  slots[slot + 2] = place.third
  slots[slot + LAST_SECOND] = lastSecond
}

function rebuild(old: Shard | undefined, nowSecond: number, placeOf: Placing): Shard {
  const slots = old?.slots ?? new Uint32Array(0)
  const capacity = Math.max(4, Math.ceil((countLive(slots, nowSecond) + 1) * SPARE))
  const shard: Shard = { slots: new Uint32Array(capacity * SLOT_WORDS), used: 0 }
  for (let slot = 0; slot < slots.length; slot += SLOT_WORDS) {
    const lastSecond = at(slots, slot + LAST_SECOND)
    if (!isLive(lastSecond, nowSecond)) continue
    insert(shard, placeOf(at(slots, slot), at(slots, slot + 1), at(slots, slot + 2)), lastSecond)
  }
  return shard
}

function countLive(slots: Uint32Array, nowSecond: number): number {
  let live = 0
  for (let index = LAST_SECOND; index < slots.length; index += SLOT_WORDS) {
    if (isLive(at(slots, index), nowSecond)) live += 1
  }
  return live
}

function isLive(lastSecond: number, nowSecond: number): boolean {
  return lastSecond !== 0 && lastSecond >= nowSecond
}

function wordAt(id: Uint8Array, offset: number): number {
  return (at(id, offset) | (at(id, offset + 1) << 8) | (at(id, offset + 2) << 16) | (at(id, offset + 3) << 24)) >>> 0
}

function at(array: Uint8Array | Uint32Array, index: number): number {
  return array[index] as number
}
