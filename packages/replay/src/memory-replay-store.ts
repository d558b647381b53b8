import { randomFillSync } from 'node:crypto'
import type { ClaimResult, Clock, Environment, ReplayClaim, ReplayStore } from '@countermark/core'
import { flag, number, optionTable, requireSingleProcess } from '@countermark/core/internal'
import { type ClaimQuota, createClaimQuota } from './claim-quota.ts'
import { createEraKeeper, isProvenFresh } from './fence.ts'
import { STORE_METRICS } from './metric-rows.ts'
import { createNonce, createRandomDraw } from './nonce.ts'
import { createStoreRules, STORE_ROWS, type StoreOptions } from './store-options.ts'

/** Options of {@link memoryReplayStore}. */
export interface MemoryReplayStoreOptions extends StoreOptions {
  /**
   * Says that no other process accepts requests for the same origins.
   * @default false: refused in a cluster and with NODE_ENV=production
   */
  readonly allowSingleProcess?: boolean
  /** Live claims in all, 20 to 28 bytes each; more are refused, never made room for. @default 1_000_000 */
  readonly maxClaims?: number
}

const OPTIONS = optionTable('memoryReplayStore', {
  ...STORE_ROWS,
  allowSingleProcess: flag(false),
  maxClaims: number({ min: 1, default: 1_000_000 }),
})

/** A store that answers at once. */
export interface MemoryReplayStore extends ReplayStore {
  readonly claim: (claim: ReplayClaim, environment: Environment) => ClaimResult
  readonly issueNonce: (environment: Environment) => string
  readonly useClock: (clock: Clock) => void
  /** Forgets every claim, so that all of them can be used again: for tests. */
  readonly clear: () => void
}

/**
 * Remembers claims in this process, synchronously. Never forgets a live one. Guards of one process that accept the same
 * signatures must share one: each store knows its own claims only.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS` where other processes would accept each request once more
 * @example
 * preventReplay({ store: memoryReplayStore() })
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): MemoryReplayStore {
  const settings = OPTIONS.read(options)
  const { allowSingleProcess } = settings
  requireSingleProcess({ name: 'memoryReplayStore', instead: 'redisReplayStore', allowSingleProcess })
  const rules = createStoreRules(settings)
  const createQuota = (): ClaimQuota => createClaimQuota(settings)
  let table = new FingerprintTable()
  let quota = createQuota()
  const eras = createEraKeeper(rules, 'memory')
  const draw = createRandomDraw()
  const begin = (): void => {
    const start = { fromMs: Number.NEGATIVE_INFINITY, untilMs: rules.startedAt, cause: 'start' } as const
    eras.forget(start, eras.era.secret)
  }
  begin()

  return {
    name: 'memory',
    metrics: STORE_METRICS.rowsOf({ store: 'memory' }, { replay_claims_live: () => quota.live() }),
    claim: (claim, environment) => {
      eras.noticeClock(environment.report)
      const nowMs = environment.clock.wallMs()
      const nowSecond = Math.floor(nowMs / 1000)
      if (table.has(claim.id, nowSecond)) return 'replayed'
      // After its end a claim may be forgotten already, so nothing can be said any more.
      if (!(nowMs <= claim.acceptUntil * 1000)) return 'unproven'
      if (!isProvenFresh(claim, eras.era, rules, nowMs)) return 'unproven'
      const exceeded = quota.exceeded(claim.thumbprint, nowSecond)
      if (exceeded !== undefined) return exceeded
      const lastSecond = Math.ceil(claim.acceptUntil + rules.keepSeconds)
      table.addFound(lastSecond, nowSecond)
      quota.count(claim.thumbprint, lastSecond)
      return 'claimed'
    },
    useClock: (clock) => {
      if (!rules.useClock(clock)) return
      eras.restart()
      begin()
    },
    clear: () => {
      table = new FingerprintTable()
      quota = createQuota()
    },
    issueNonce: (environment) => createNonce(eras.era.secret, environment.clock.wallMs(), draw),
  }
}

/** Many small tables, so that growing one never takes long. */
const SHARD_BITS = 10
/** 96 bits of the id, and its last second; a slot whose last second is zero is free. */
const SLOT_WORDS = 4
const LAST_SECOND = 3
const MAX_LOAD = 0.8
const FEWEST_SLOTS = 4
/** Slots for each live id after a rebuild: between 1 / 0.8 and this, so 20 to 28 bytes. */
const SPARE = 1.75

interface Shard {
  readonly slots: Uint32Array
  /** Slots taken, also by ids that have ended. */
  used: number
}

/**
 * Remembers ids until their end, 16 bytes each. Times are Unix seconds. Open addressing in typed arrays: no object and no
 * string is kept for an id. A shard that fills up is rebuilt without the ids that have ended. Two ids with the same 96 bits
 * would be taken for one, so an id must be a cryptographic hash: among a million live ones a new id meets one of them with a
 * probability of 1.3e-23, and is refused.
 */
export class FingerprintTable {
  readonly #shards: (Shard | undefined)[] = new Array(2 ** SHARD_BITS).fill(undefined)
  /** Without a secret, a caller could choose nonces that all fall into one slot and make every look-up long. */
  readonly #secret: Uint32Array = randomFillSync(new Uint32Array(6)).map((word) => word | 1)
  // What was looked up last: the 96 bits, the shard, and the slot in it; -1 where there is no shard yet.
  #first = 0
  #second = 0
  #third = 0
  #shard = 0
  #slot = -1

  /** Whether an id was added and has not ended. Its place is kept for {@link FingerprintTable.addFound}. */
  has(id: Uint8Array, nowSecond: number): boolean {
    const first = wordAt(id, 0)
    const second = wordAt(id, 4)
    const third = wordAt(id, 8)
    const place = this.#mix(0, first, second, third) >>> (32 - SHARD_BITS)
    const slots = this.#shards[place]?.slots
    const slot = slots === undefined ? -1 : this.#findSlot(slots, first, second, third)
    this.#first = first
    this.#second = second
    this.#third = third
    this.#shard = place
    this.#slot = slot
    return slots !== undefined && isLive(slots[slot + LAST_SECOND] as number, nowSecond)
  }

  /** Remembers what was looked up last while `now ≤ lastSecond`. */
  addFound(lastSecond: number, nowSecond: number): void {
    let shard = this.#shards[this.#shard]
    let slot = this.#slot
    if (shard === undefined || shard.used + 1 > (shard.slots.length / SLOT_WORDS) * MAX_LOAD) {
      shard = this.#rebuild(shard?.slots ?? NO_SLOTS, nowSecond)
      this.#shards[this.#shard] = shard
      slot = this.#findSlot(shard.slots, this.#first, this.#second, this.#third)
    }
    const { slots } = shard
    if (slots[slot + LAST_SECOND] === 0) shard.used += 1
    slots[slot] = this.#first
    slots[slot + 1] = this.#second
    slots[slot + 2] = this.#third
    slots[slot + LAST_SECOND] = Math.min(lastSecond, 0xffffffff)
  }

  /** Two mixes of an id under the secret: that from 0 chooses the shard, that from 3 the first slot to look at. */
  #mix(from: 0 | 3, first: number, second: number, third: number): number {
    const secret = this.#secret
    return (
      Math.imul(first, secret[from] as number) +
      Math.imul(second, secret[from + 1] as number) +
      Math.imul(third, secret[from + 2] as number)
    )
  }

  /** The slot that holds an id, or the free one where it belongs. */
  #findSlot(slots: Uint32Array, first: number, second: number, third: number): number {
    const start = (this.#mix(3, first, second, third) >>> 0) / 2 ** 32
    let slot = Math.floor((start * slots.length) / SLOT_WORDS) * SLOT_WORDS
    while (slots[slot + LAST_SECOND] !== 0) {
      if (slots[slot] === first && slots[slot + 1] === second && slots[slot + 2] === third) break
      slot += SLOT_WORDS
      if (slot === slots.length) slot = 0
    }
    return slot
  }

  /** A shard with room for one more, without the ids that have ended. */
  #rebuild(old: Uint32Array, nowSecond: number): Shard {
    let live = 0
    for (let end = LAST_SECOND; end < old.length; end += SLOT_WORDS) if (isLive(old[end] as number, nowSecond)) live++
    const slots = new Uint32Array(Math.max(FEWEST_SLOTS, Math.ceil((live + 1) * SPARE)) * SLOT_WORDS)
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (!isLive(old[at + LAST_SECOND] as number, nowSecond)) continue
      const slot = this.#findSlot(slots, old[at] as number, old[at + 1] as number, old[at + 2] as number)
      for (let word = 0; word < SLOT_WORDS; word++) slots[slot + word] = old[at + word] as number
    }
    return { slots, used: live }
  }
}

const NO_SLOTS = new Uint32Array(0)

function isLive(lastSecond: number, nowSecond: number): boolean {
  return lastSecond !== 0 && lastSecond >= nowSecond
}

function wordAt(id: Uint8Array, at: number): number {
  const low = (id[at] as number) | ((id[at + 1] as number) << 8)
  return (low | ((id[at + 2] as number) << 16) | ((id[at + 3] as number) << 24)) >>> 0
}
