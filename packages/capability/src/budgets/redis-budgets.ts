import { type Clock, requireKnownOptions, requireMethods, requireNumber } from '@countermark/core'
import { createAskRedis, createSender, type RedisClient, requireOneServer } from '@countermark/core/redis'
import { REDIS_BUDGET_METRIC_ROWS } from '../metric-rows.ts'
import type { BudgetClaim, BudgetStore, Reservation } from './budget-store.ts'
import { RELEASE_SCRIPT, RESERVE_SCRIPT } from './redis-scripts.ts'
import { SLICES } from './window-counter.ts'

/** Options of {@link redisBudgets}. */
export interface RedisBudgetsOptions {
  /** A client of ioredis or node-redis, made, connected and closed by you. */
  readonly client: RedisClient
  /** Begins the name of every key. @default 'countermark:budget:' */
  readonly prefix?: string
  /** How long a request waits for Redis at most, whatever the client's own settings. @default 50 */
  readonly deadlineMs?: number
  /** @default the clock of the Redis server, which is one for all processes */
  readonly clock?: Clock
}

/**
 * Counts budgets in Redis, for any number of processes, in one round trip. When Redis does not answer, what has a budget is
 * refused: an answer that came too late has counted all the same.
 * @example
 * const rules = capabilityRules({ budgets: redisBudgets({ client: new Redis() }) })
 */
export function redisBudgets(options: RedisBudgetsOptions): BudgetStore {
  requireKnownOptions('redisBudgets', options, ['client', 'prefix', 'deadlineMs', 'clock'])
  const { client, prefix = 'countermark:budget:', clock } = options
  const send = createSender('redisBudgets', client)
  requireOneServer('redisBudgets', client)
  const deadlineMs = requireNumber('deadlineMs', options.deadlineMs ?? 50, { min: 1, max: 60_000 })
  if (clock !== undefined) requireMethods('clock', clock, ['wallMs'])
  const askRedis = createAskRedis({ send, deadlineMs, code: 'budget_store_unavailable', dependency: 'budgets' })
  const now = (): string => (clock === undefined ? '' : String(clock.wallMs()))
  return {
    name: 'redis',
    metrics: REDIS_BUDGET_METRIC_ROWS,
    reserve: async (claims, environment) => {
      const keys = claims.map(({ key }) => prefix + key)
      const numbers = claims.flatMap(({ windowSeconds, limit, cost }) => [windowSeconds, limit, cost].map(String))
      const more = [String(keys.length), ...keys, now(), String(SLICES), ...numbers]
      const answer = await askRedis(environment, ['EVAL', RESERVE_SCRIPT, ...more])
      const [isReserved, ...rest] = Array.isArray(answer) ? answer.map(Number) : []
      if (isReserved === 0) return { outcome: 'exceeded', retryAfterSeconds: rest[0] ?? 1 }
      const charges = claims.map(({ cost }, index) => ({ key: keys[index] ?? '', slice: rest[index] ?? 0, cost }))
      return reserved(() => release(charges, (command) => askRedis(environment, command)))
    },
  }
}

interface Charge {
  readonly key: string
  readonly slice: number
  readonly cost: BudgetClaim['cost']
}

function reserved(giveBack: () => Promise<void>): Reservation {
  let isHeld = true
  return {
    outcome: 'reserved',
    release: async () => {
      if (!isHeld) return
      isHeld = false
      await giveBack()
    },
  }
}

async function release(
  charges: readonly Charge[],
  send: (command: readonly [string, ...string[]]) => Promise<unknown>,
): Promise<void> {
  const keys = charges.map(({ key }) => key)
  const numbers = charges.flatMap(({ slice, cost }) => [String(slice), String(cost)])
  try {
    await send(['EVAL', RELEASE_SCRIPT, String(keys.length), ...keys, ...numbers])
  } catch {
    // Silence is right: what cannot be given back comes free with its window, and the request has its answer.
  }
}
