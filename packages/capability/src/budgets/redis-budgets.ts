import { hash } from 'node:crypto'
import type { Clock } from '@countermark/core'
import {
  clearKeys,
  createAskRedis,
  createSender,
  custom,
  methods,
  number,
  optionTable,
  type RedisClient,
  systemClock,
  text,
} from '@countermark/core/internal'
import { REDIS_ROWS } from '../metric-rows.ts'
import { type BudgetClaim, type BudgetStore, releaseOnce, SLICES } from './budget-store.ts'

/** Options of {@link redisBudgets}. */
export interface RedisBudgetsOptions {
  /** A client of ioredis or node-redis, for one server or a cluster; made, connected and closed by you. */
  readonly client: RedisClient
  /**
   * Begins the name of every key: services that share a Redis server do not meet. In a cluster all keys with one prefix lie
   * in one slot, because one script counts them; with braces in it, it states the hash tag itself.
   * @default 'countermark:budget:' and the first of `origins`
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
const OPTIONS = optionTable('redisBudgets', {
  client: custom((_, given) => given as RedisClient),
  prefix: text(),
  deadlineMs: number({ min: 1, max: 60_000, default: 50 }),
  clock: methods<Clock>(['wallMs']),
  maxCountersPerAgent: number({ min: 1, default: 10_000 }),
})

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
  const { client, prefix: given, deadlineMs, clock, maxCountersPerAgent } = OPTIONS.read(options)
  const send = createSender('redisBudgets', client)
  const askRedis = createAskRedis({ send, deadlineMs, code: 'budget_store_unavailable', dependency: 'budgets' })
  return {
    name: 'redis',
    metrics: REDIS_ROWS,
    clear: () => clearKeys('redisBudgets', client, given ?? PREFIX),
    reserve: async (claims, environment) => {
      const prefix = tagged(given ?? `${PREFIX}${environment.service()}:`)
      const keys = claims.map(({ key }) => prefix + key)
      const numbers = claims.flatMap(({ windowSeconds, limit, cost }) => [windowSeconds, limit, cost].map(String))
      const counted = [...keys, `${prefix}agent:${hash('sha256', claims[0]?.agentId ?? '', 'base64url')}`]
      const limits = [nowOf(clock ?? environment.clock), String(SLICES), String(maxCountersPerAgent)]
      const more = [String(counted.length), ...counted, ...limits, ...numbers]
      const answer = await askRedis(environment, ['EVAL', RESERVE_SCRIPT, ...more])
      const [isReserved, ...rest] = Array.isArray(answer) ? answer.map(Number) : []
      if (isReserved === 0) return { outcome: 'exceeded', retryAfterSeconds: rest[0] ?? 1 }
      const charges = claims.map(({ cost }, index) => ({ key: keys[index] ?? '', slice: rest[index] ?? 0, cost }))
      return {
        outcome: 'reserved',
        release: releaseOnce(() => release(charges, (command) => askRedis(environment, command))),
      }
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

/**
 * Reserves from all budgets or from none. KEYS: one hash for each budget, from slice to what was taken in it, and last the
 * agent's counters by when they end. ARGV: now in milliseconds, or nothing for the server's own clock; slices in a window;
 * counters of one agent; then window in seconds, limit and cost of each. Answers `{1, slice, …}`, or `{0, seconds to wait}`.
 */
export const RESERVE_SCRIPT = `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local slices = tonumber(ARGV[2])
local wait = 0
local answer = {1}
local agent = table.remove(KEYS)
local function endOf(window) return now + math.ceil(window + 2 * window / slices) end
local added = 0
redis.call('ZREMRANGEBYSCORE', agent, '-inf', now)
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[i * 3 + 1]) * 1000
  if redis.call('EXISTS', key) == 0 then added = added + 1 end
  local slice = math.floor(now * slices / window)
  local counted = {}
  local taken = 0
  local fields = redis.call('HGETALL', key)
  for j = 1, #fields, 2 do
    local each = tonumber(fields[j])
    if each < slice - slices then
      redis.call('HDEL', key, fields[j])
    else
      taken = taken + tonumber(fields[j + 1])
      counted[#counted + 1] = {each, tonumber(fields[j + 1])}
    end
  end
  local needed = taken + tonumber(ARGV[i * 3 + 3]) - tonumber(ARGV[i * 3 + 2])
  if needed > 0 then
    table.sort(counted, function (a, b) return a[1] < b[1] end)
    local free = slice
    for _, pair in ipairs(counted) do
      if needed > 0 then
        needed = needed - pair[2]
        free = pair[1]
      end
    end
    wait = math.max(wait, 1, math.ceil(((free + slices + 1) * window / slices - now) / 1000))
  end
  answer[i + 1] = slice
end
if wait > 0 then return {0, wait} end
if added > 0 and redis.call('ZCARD', agent) + added > tonumber(ARGV[3]) then return {0, 60} end
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[i * 3 + 1]) * 1000
  redis.call('HINCRBY', key, string.format('%.0f', answer[i + 1]), ARGV[i * 3 + 3])
  redis.call('PEXPIRE', key, endOf(window) - now)
  redis.call('ZADD', agent, endOf(window), key)
  redis.call('PEXPIRE', agent, math.max(endOf(window) - now, redis.call('PTTL', agent)))
end
return answer
`

/** Gives back. KEYS as above. ARGV: slice and cost of each. A slice that was forgotten meanwhile is not counted any more. */
export const RELEASE_SCRIPT = `
for i, key in ipairs(KEYS) do
  local slice = ARGV[i * 2 - 1]
  if redis.call('HEXISTS', key, slice) == 1 then
    if redis.call('HINCRBY', key, slice, '-' .. ARGV[i * 2]) <= 0 then redis.call('HDEL', key, slice) end
  end
end
return 1
`
