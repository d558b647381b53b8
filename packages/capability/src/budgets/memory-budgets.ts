import { flag, number, optionTable, requireSingleProcess } from '@countermark/core/internal'
import { type BudgetClaim, type BudgetStore, type Reservation, releaseOnce, SLICES } from './budget-store.ts'

/** Options of {@link memoryBudgets}. */
export interface MemoryBudgetsOptions {
  /**
   * Says that no other process serves the same agents.
   * @default false: refused in a cluster and with NODE_ENV=production
   */
  readonly allowSingleProcess?: boolean
  /** Counters in all; one is needed for each budget in use. With more in use than that, requests are refused. @default 100_000 */
  readonly maxCounters?: number
  /** Counters that one agent may make: an agent that delegates writes budgets of its own. @default 10_000 */
  readonly maxCountersPerAgent?: number
}

const OPTIONS = optionTable('memoryBudgets', {
  allowSingleProcess: flag(false),
  maxCounters: number({ min: 1, default: 100_000 }),
  maxCountersPerAgent: number({ min: 1, default: 10_000 }),
})

/** A store that answers at once. */
export interface MemoryBudgets extends BudgetStore {
  readonly reserve: (...asked: Parameters<BudgetStore['reserve']>) => Reservation
  /** Forgets what was used; for tests. */
  readonly clear: () => void
}

/** Looking through all counters takes a while: a store that is full must not do so for each request. */
const SWEEP_EVERY_MS = 1000

const QUOTA_RETRY_SECONDS = 60

interface Charge extends BudgetClaim {
  readonly counter: Counter
  readonly slice: number
}

/**
 * Counts budgets in this process; a restart forgets what was used.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS`
 * @example
 * const rules = capabilityRules({ budgets: memoryBudgets() })
 */
export function memoryBudgets(options: MemoryBudgetsOptions = {}): MemoryBudgets {
  const { allowSingleProcess, maxCounters, maxCountersPerAgent } = OPTIONS.read(options)
  requireSingleProcess({ name: 'memoryBudgets', instead: 'redisBudgets', allowSingleProcess })
  const counters = new Counters(maxCounters, maxCountersPerAgent)
  return {
    name: 'memory',
    clear: () => counters.clear(),
    reserve: (claims, { clock }) => {
      const nowMs = clock.monotonicMs()
      const agentId = claims[0]?.agentId ?? ''
      counters.makeRoom(agentId, claims.length, nowMs)
      const charges = claims.map((claim): Charge => {
        const counter = counters.find(claim.key) ?? new Counter(agentId, claim.windowSeconds)
        return { ...claim, counter, slice: counter.sliceAt(nowMs) }
      })
      const retryAfterSeconds = secondsUntilFree(charges, nowMs)
      if (retryAfterSeconds > 0) return { outcome: 'exceeded', retryAfterSeconds }
      const added = charges.filter(({ key }) => counters.find(key) === undefined)
      if (counters.isOverQuota(agentId, added.length)) {
        return { outcome: 'exceeded', retryAfterSeconds: QUOTA_RETRY_SECONDS }
      }
      if (counters.isFull(added.length)) return { outcome: 'full' }
      for (const { key, counter } of added) counters.add(key, counter)
      return take(charges)
    },
  }
}

function secondsUntilFree(charges: readonly Charge[], nowMs: number): number {
  return Math.max(0, ...charges.map(({ counter, cost, limit }) => counter.secondsUntilFree(cost - limit, nowMs)))
}

function take(charges: readonly Charge[]): Reservation {
  for (const { counter, slice, cost } of charges) counter.add(slice, cost)
  const giveBack = (): void => {
    for (const { counter, slice, cost } of charges) counter.giveBack(slice, cost)
  }
  return { outcome: 'reserved', release: releaseOnce(giveBack) }
}

/** All counters, and how many each agent has made. */
class Counters {
  readonly #maxCounters: number
  readonly #maxPerAgent: number
  readonly #counters = new Map<string, Counter>()
  readonly #made = new Map<string, number>()
  #sweptMs = Number.NEGATIVE_INFINITY

  constructor(maxCounters: number, maxPerAgent: number) {
    this.#maxCounters = maxCounters
    this.#maxPerAgent = maxPerAgent
  }

  find(key: string): Counter | undefined {
    return this.#counters.get(key)
  }

  add(key: string, counter: Counter): void {
    this.#counters.set(key, counter)
    this.#made.set(counter.agentId, (this.#made.get(counter.agentId) ?? 0) + 1)
  }

  isFull(added: number): boolean {
    return this.#counters.size + added > this.#maxCounters
  }

  isOverQuota(agentId: string, added: number): boolean {
    return added > 0 && agentId !== '' && (this.#made.get(agentId) ?? 0) + added > this.#maxPerAgent
  }

  /** Forgets what counts nothing, where there is no room for as many more; not for each request. */
  makeRoom(agentId: string, added: number, nowMs: number): void {
    if (!this.isFull(added) && !this.isOverQuota(agentId, added)) return
    if (nowMs - this.#sweptMs < SWEEP_EVERY_MS) return
    this.#sweptMs = nowMs
    for (const [key, counter] of this.#counters) if (counter.takenAt(nowMs) === 0) this.#forget(key, counter)
  }

  clear(): void {
    this.#counters.clear()
    this.#made.clear()
  }

  #forget(key: string, { agentId }: Counter): void {
    this.#counters.delete(key)
    const left = (this.#made.get(agentId) ?? 1) - 1
    if (left === 0) this.#made.delete(agentId)
    else this.#made.set(agentId, left)
  }
}

/** What was taken from a budget lately, in slices of its window. */
class Counter {
  /** By whom it was made. */
  readonly agentId: string
  readonly #windowMs: number
  /** Taken, by the number of the slice. */
  readonly #slices = new Map<number, number>()

  constructor(agentId: string, windowSeconds: number) {
    this.agentId = agentId
    this.#windowMs = windowSeconds * 1000
  }

  sliceAt(nowMs: number): number {
    return Math.floor((nowMs * SLICES) / this.#windowMs)
  }

  /** Forgets the slices that no window reaches back to, and says how much is taken in the others. */
  takenAt(nowMs: number): number {
    const slice = this.sliceAt(nowMs)
    let taken = 0
    for (const [each, count] of this.#slices) {
      // The oldest slice is counted whole, though only part of it lies in the window. One in the future is, too.
      if (each < slice - SLICES) this.#slices.delete(each)
      else taken += count
    }
    return taken
  }

  /** After how many seconds there is room; `excess` is what a claim costs beyond its limit, on top of what is taken. */
  secondsUntilFree(excess: number, nowMs: number): number {
    const needed = this.takenAt(nowMs) + excess
    if (needed <= 0) return 0
    let freed = 0
    for (const [each, count] of [...this.#slices].sort(([a], [b]) => a - b)) {
      freed += count
      if (freed >= needed) return Math.max(1, Math.ceil((this.#endOf(each) - nowMs) / 1000))
    }
    return Math.ceil(this.#endOf(this.sliceAt(nowMs)) / 1000)
  }

  add(slice: number, cost: number): void {
    const taken = (this.#slices.get(slice) ?? 0) + cost
    if (taken > 0) this.#slices.set(slice, taken)
    else this.#slices.delete(slice)
  }

  /** A slice that was forgotten meanwhile is not counted any more. */
  giveBack(slice: number, cost: number): void {
    if (this.#slices.has(slice)) this.add(slice, -cost)
  }

  /** When what was taken in a slice is free again. */
  #endOf(slice: number): number {
    return ((slice + SLICES + 1) * this.#windowMs) / SLICES
  }
}
