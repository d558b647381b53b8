import { type Clock, type Environment, isMisconfigured, type ReplayStore, Unavailable } from '@countermark/core'
import {
  clearKeys,
  createCircuitBreaker,
  custom,
  degradedRow,
  flag,
  number,
  optionTable,
  REDIS_BREAKER,
  reportDegraded,
  requireNoPool,
  text,
  undescribed,
  withDeadline,
} from '@countermark/core/internal'
import { type ClaimQuota, createClaimQuota } from '../claim-quota.ts'
import { createEraKeeper } from '../fence.ts'
import { REDIS_METRICS, STORE_METRICS } from '../metric-rows.ts'
import { createNonce, createRandomDraw } from '../nonce.ts'
import { createStoreRules, STORE_ROWS, type StoreOptions } from '../store-options.ts'
import { Attempts, type ClaimTools, claimInRedis, keyOf, maintain, precheck } from './claim.ts'
import { createCommands } from './commands.ts'
import { Connection, type RedisClient } from './connection.ts'

/** Options of {@link redisReplayStore}. */
export interface RedisReplayStoreOptions extends StoreOptions {
  /** A client of ioredis or node-redis, of one server or of a cluster; made, connected and closed by you. */
  readonly client: RedisClient
  /** Begins the name of every key; guards of the same origins share it. @default 'countermark:replay:' */
  readonly prefix?: string
  /** How long a request waits for Redis at most, whatever the client's own settings. @default 50 */
  readonly deadlineMs?: number
  /** Accepts a Redis that throws keys away when it is full: a client that can fill it can replay. @default false */
  readonly allowEviction?: boolean
}

/** A store with a connection behind it. */
export interface RedisReplayStore extends ReplayStore {
  /**
   * Asks Redis at start-up, so that a wrong address or setting stops the start.
   * @throws {@link Misconfigured} `ERR_REPLAY_STORE_UNSAFE`
   * @throws {@link Unavailable} `replay_store_unavailable`
   */
  readonly ready: () => Promise<void>
  /** Takes the clock of the guard that the store is given to, unless it has one of its own. */
  readonly useClock: (clock: Clock) => void
  /** Removes every claim of this prefix, so that all of them can be used again: for tests. Asks Redis for SCAN and UNLINK. */
  readonly clear: () => Promise<void>
  /** Stops following the client, and leaves it open. */
  readonly close: () => void
}

const OPTIONS = optionTable('redisReplayStore', {
  ...STORE_ROWS,
  client: undescribed(custom((_name, given) => given as RedisClient)),
  prefix: text('countermark:replay:'),
  deadlineMs: number({ min: 1, max: 60_000, default: 50 }),
  allowEviction: flag(false),
})

/**
 * Remembers claims in Redis, for any number of processes, in one round trip each. One primary server or
 * a cluster; replicas may take their places.
 * @example
 * preventReplay({ store: redisReplayStore({ client: new Redis() }) })
 */
export function redisReplayStore(options: RedisReplayStoreOptions): RedisReplayStore {
  const settings = OPTIONS.read(options)
  const { client, prefix, deadlineMs, allowEviction, startedAt, maxClaimsPerKey } = settings
  const commands = createCommands(client, prefix)
  requireNoPool('redisReplayStore', client)
  const rules = createStoreRules(settings)
  const eras = createEraKeeper(rules, 'redis')
  const createQuota = (): ClaimQuota => createClaimQuota({ maxClaims: Number.POSITIVE_INFINITY, maxClaimsPerKey })
  let quota = createQuota()
  let report: Environment['report'] = () => undefined
  const connection = new Connection({
    ...{ client, commands, rules, startedAt, eras, allowEviction },
    report: (measurement) => report(measurement),
  })
  const draw = createRandomDraw()
  const claim = createGuardedClaim({ commands, connection, eras, quota: () => quota, rules }, deadlineMs)
  return {
    name: 'redis',
    metrics: [
      ...STORE_METRICS.rowsOf({ store: 'redis' }, { replay_claims_live: () => quota.live() }),
      ...REDIS_METRICS.rows,
      degradedRow(['replay']),
    ],
    claim: (claimed, environment) => {
      report = environment.report
      return claim(claimed, environment)
    },
    issueNonce: ({ clock }) => connection.snapshot && createNonce(eras.era.secret, clock.wallMs(), draw),
    ready: async () => {
      await connection.inspect().catch((error: unknown) => {
        throw isMisconfigured(error) ? error : unavailable(error)
      })
    },
    useClock: (clock) => {
      if (!rules.useClock(clock)) return
      eras.restart()
      connection.restart()
    },
    clear: async () => {
      await clearKeys('redisReplayStore', client, prefix)
      quota = createQuota()
      await connection.restoreEpochs()
    },
    close: () => connection.close(),
  }
}

/** Puts what needs no Redis, the breaker and the deadline before Redis. */
function createGuardedClaim(tools: ClaimTools, deadlineMs: number): ReplayStore['claim'] {
  const attempts = new Attempts()
  const breaker = createCircuitBreaker(REDIS_BREAKER)
  return async (claim, environment) => {
    const { clock, report } = environment
    maintain(tools, environment)
    const refused = precheck(tools, claim, environment)
    if (refused !== undefined) return refused
    if (!breaker.allows(clock.monotonicMs())) throw unavailable('Redis did not answer lately')
    const key = keyOf(tools, claim)
    const token = attempts.begin(key)
    try {
      const result = await withDeadline(claimInRedis(tools, claim, { key, token }, environment), deadlineMs)
      if (breaker.succeeded()) reportDegraded(report, 'replay', 0)
      return result
    } catch (error) {
      attempts.abandon(key, token)
      if (breaker.failed(clock.monotonicMs())) reportDegraded(report, 'replay', 1)
      throw unavailable(error)
    }
  }
}

function unavailable(cause: unknown): Unavailable {
  return new Unavailable('replay_store_unavailable', 'replay', 'the replay store does not answer', { cause })
}
