import { createHash } from 'node:crypto'
import { type Clock, requireKnownOptions, requireNumber } from '@countermark/core'
import {
  clearKeys,
  createAskRedis,
  createSender,
  type RedisClient,
  requireMethods,
  systemClock,
} from '@countermark/core/internal'
import { REDIS_BUDGET_METRIC_ROWS } from '../metric-rows.ts'
import type { BudgetClaim, BudgetStore, Reservation } from './budget-store.ts'
import { RELEASE_SCRIPT, RESERVE_SCRIPT } from './redis-scripts.ts'
import { SLICES } from './window-counter.ts'

/** Options of {@link redisBudgets}. */
export interface RedisBudgetsOptions {
  /** A client of ioredis or node-redis, for one server or a cluster; made, connected and closed by you. */
  readonly client: RedisClient
  /**
   * Begins the name of every key: services that share a Redis server do not meet. In a cluster all keys with one prefix lie
   * in one slot, because one script counts them; with braces in it, it states the hash tag itself.
   * @default 'countermark:budget:' and the first of `authorities`
   */
  readonly prefix?: string
  /** How long a request waits for Redis at most, whatever the client's own settings. @default 50 */
  readonly deadlineMs?: number
  /** @default that of `createGuard` where one is given; else that of the Redis server, which is one for all processes */
  readonly clock?: Clock
  /** Counters that one agent may have at a time. @default 10_000 */
  readonly maxCountersPerAgent?: number
}

const PREFIX = 'countermark:budget:'
const KNOWN = ['client', 'prefix', 'deadlineMs', 'clock', 'maxCountersPerAgent']

/** A store that a test can empty. */
export interface RedisBudgets extends BudgetStore {
  readonly clear: () => Promise<void>
}

/**
 * Counts budgets in Redis, for any number of processes, in one round trip. When Redis does not answer, what has a budget is
 * refused: an answer that came too late has counted all the same.
 * @example
 * const rules = capabilityRules({ budgets: redisBudgets({ client: new Redis() }) })
 */
export function redisBudgets(options: RedisBudgetsOptions): RedisBudgets {
  requireKnownOptions('redisBudgets', options, KNOWN)
  const { client, clock } = options
  const send = createSender('redisBudgets', client)
  const deadlineMs = requireNumber('deadlineMs', options.deadlineMs ?? 50, { min: 1, max: 60_000 })
  if (clock !== undefined) requireMethods('clock', clock, ['wallMs'])
  const askRedis = createAskRedis({ send, deadlineMs, code: 'budget_store_unavailable', dependency: 'budgets' })
  const { maxCountersPerAgent = 10_000 } = options
  const quota = String(requireNumber('maxCountersPerAgent', maxCountersPerAgent, { min: 1 }))
  return {
    name: 'redis',
    metrics: REDIS_BUDGET_METRIC_ROWS,
    clear: () => clearKeys('redisBudgets', client, options.prefix ?? PREFIX),
    reserve: async (claims, environment) => {
      const prefix = tagged(options.prefix ?? `${PREFIX}${environment.service()}:`)
      const keys = claims.map(({ key }) => prefix + key)
      const numbers = claims.flatMap(({ windowSeconds, limit, cost }) => [windowSeconds, limit, cost].map(String))
      const agent = `${prefix}agent:${createHash('sha256')
        .update(claims[0]?.agentId ?? '')
        .digest('base64url')}`
      const now = nowOf(clock ?? environment.clock)
      const more = [String(keys.length + 1), ...keys, agent, now, String(SLICES), quota, ...numbers]
      const answer = await askRedis(environment, ['EVAL', RESERVE_SCRIPT, ...more])
      const [isReserved, ...rest] = Array.isArray(answer) ? answer.map(Number) : []
      if (isReserved === 0) return { outcome: 'exceeded', retryAfterSeconds: rest[0] ?? 1 }
      const charges = claims.map(({ cost }, index) => ({ key: keys[index] ?? '', slice: rest[index] ?? 0, cost }))
      return reserved(() => release(charges, (command) => askRedis(environment, command)))
    },
  }
}

/** Budgets of an agent, of a user and of a block are counted by one script, so their keys share a hash tag. */
function tagged(prefix: string): string {
  return prefix.includes('{') ? prefix : `${prefix}{budget}:`
}

/** Nothing for the machine's clock: the server's own is one for all processes. */
function nowOf(clock: Clock): string {
  return clock === systemClock ? '' : String(clock.wallMs())
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
