import { requireKnownOptions, requireNumber } from '@countermark/core'
import { requireSingleProcess } from '@countermark/core/internal'
import type { BudgetClaim, BudgetStore, Reservation } from './budget-store.ts'

/** Options of {@link memoryBudgets}. */
export interface MemoryBudgetsOptions {
  /**
   * Says that no other process serves the same agents.
   * @default false: refused in a cluster and with NODE_ENV=production
   */
  readonly allowSingleProcess?: boolean
  /** Counters in all; one is needed for each budget in use. With more in use than that, requests are refused. @default 100_000 */
  readonly maxCounters?: number
  /** Counters that one agent may make: whoever hands rights on writes budgets of its own. @default 10_000 */
  readonly maxCountersPerAgent?: number
}

/** A store that answers at once. */
export interface MemoryBudgets extends BudgetStore {
  readonly reserve: (...asked: Parameters<BudgetStore['reserve']>) => Reservation
  /** Forgets what was used; for tests. */
  readonly clear: () => void
}

/** Looking through all counters takes a while: a store that is full must not do so for each request. */
const SWEEP_EVERY_MS = 1000

const QUOTA_RETRY_SECONDS = 60

interface Counter extends WindowCounter {
  /** Who made it. */
  readonly agentId: string
}

interface Charge {
  readonly counter: WindowCounter
  readonly slice: number
  readonly cost: number
}

/**
 * Counts budgets in this process; a restart forgets what was used.
 * @throws {@link Misconfigured} `ERR_STORE_SINGLE_PROCESS`
 * @example
 * const rules = capabilityRules({ budgets: memoryBudgets() })
 */
export function memoryBudgets(options: MemoryBudgetsOptions = {}): MemoryBudgets {
  requireKnownOptions('memoryBudgets', options, ['maxCounters', 'maxCountersPerAgent', 'allowSingleProcess'])
  const { allowSingleProcess } = options
  requireSingleProcess({ name: 'memoryBudgets', instead: 'redisBudgets', allowSingleProcess })
  const maxCounters = requireNumber('maxCounters', options.maxCounters ?? 100_000, { min: 1 })
  const maxPerAgent = requireNumber('maxCountersPerAgent', options.maxCountersPerAgent ?? 10_000, { min: 1 })
  const counters = new Map<string, Counter>()
  const made = new Map<string, number>()
  let sweptMs = Number.NEGATIVE_INFINITY
  return {
    name: 'memory',
    clear: () => {
      counters.clear()
      made.clear()
    },
    reserve: (claims, { clock }) => {
      const nowMs = clock.monotonicMs()
      const [{ agentId = '' } = { agentId: '' }] = claims
      const isFull = (added: number): boolean => counters.size + added > maxCounters
      const isOverQuota = (added: number): boolean => agentId !== '' && (made.get(agentId) ?? 0) + added > maxPerAgent
      if ((isFull(claims.length) || isOverQuota(claims.length)) && nowMs - sweptMs >= SWEEP_EVERY_MS) {
        forgetIdle(counters, made, nowMs)
        sweptMs = nowMs
      }
      const found = claims.map(
        ({ key, windowSeconds }) => counters.get(key) ?? { windowSeconds, slices: new Map(), agentId },
      )
      const waits = claims.map((claim, index) => secondsToWait(claim, found[index] as WindowCounter, nowMs))
      const retryAfterSeconds = Math.max(0, ...waits)
      if (retryAfterSeconds > 0) return { outcome: 'exceeded', retryAfterSeconds }
      const added = claims.filter(({ key }) => !counters.has(key)).length
      if (added > 0 && isOverQuota(added)) return { outcome: 'exceeded', retryAfterSeconds: QUOTA_RETRY_SECONDS }
      if (isFull(added)) return { outcome: 'full' }
      if (added > 0) made.set(agentId, (made.get(agentId) ?? 0) + added)
      const charges = claims.map(({ key, windowSeconds, cost }, index): Charge => {
        const counter = found[index] as Counter
        counters.set(key, counter)
        return { counter, slice: sliceOf(nowMs, windowSeconds), cost }
      })
      for (const charge of charges) add(charge, charge.cost)
      return { outcome: 'reserved', release: releaseOnce(charges) }
    },
  }
}

/** 0 when the claim fits. */
function secondsToWait({ cost, limit, windowSeconds }: BudgetClaim, counter: WindowCounter, nowMs: number): number {
  const taken = countTaken(counter, sliceOf(nowMs, windowSeconds))
  return taken + cost <= limit ? 0 : secondsUntilFree(counter, taken + cost - limit, nowMs)
}

function add({ counter, slice }: Charge, cost: number): void {
  const taken = (counter.slices.get(slice) ?? 0) + cost
  if (taken > 0) counter.slices.set(slice, taken)
  else counter.slices.delete(slice)
}

function releaseOnce(charges: readonly Charge[]): () => void {
  let isHeld = true
  return () => {
    if (!isHeld) return
    isHeld = false
    // A slice that was forgotten meanwhile is not counted any more.
    for (const charge of charges) if (charge.counter.slices.has(charge.slice)) add(charge, -charge.cost)
  }
}

/** Only what counts nothing may go. */
function forgetIdle(counters: Map<string, Counter>, made: Map<string, number>, nowMs: number): void {
  for (const [key, counter] of counters) {
    if (countTaken(counter, sliceOf(nowMs, counter.windowSeconds)) > 0) continue
    counters.delete(key)
    const left = (made.get(counter.agentId) ?? 1) - 1
    if (left === 0) made.delete(counter.agentId)
    else made.set(counter.agentId, left)
  }
}

/** What was taken from a budget lately, in slices of its window. */
export interface WindowCounter {
  readonly windowSeconds: number
  /** Taken, by the number of the slice. */
  readonly slices: Map<number, number>
}

/** A window in this many slices: what was taken is given free up to a sixtieth late, and never early. */
export const SLICES = 60

/** The slice of a moment. */
export function sliceOf(nowMs: number, windowSeconds: number): number {
  return Math.floor((nowMs * SLICES) / (windowSeconds * 1000))
}

/** Forgets the slices that no window reaches back to, and says how much is taken in the others. */
export function countTaken({ slices }: WindowCounter, slice: number): number {
  let taken = 0
  for (const [each, count] of slices) {
    // The oldest slice is counted whole, though only part of it lies in the window. One in the future is, too.
    if (each < slice - SLICES) slices.delete(each)
    else taken += count
  }
  return taken
}

/** After how many seconds so much will be free. */
export function secondsUntilFree({ slices, windowSeconds }: WindowCounter, needed: number, nowMs: number): number {
  const slice = sliceOf(nowMs, windowSeconds)
  let freed = 0
  for (const [each, count] of [...slices].sort(([a], [b]) => a - b)) {
    freed += count
    if (freed >= needed) {
      const untilMs = ((each + SLICES + 1) * windowSeconds * 1000) / SLICES
      return Math.max(1, Math.ceil((untilMs - nowMs) / 1000))
    }
  }
  return Math.ceil(((slice + SLICES + 1) * windowSeconds) / SLICES)
}
