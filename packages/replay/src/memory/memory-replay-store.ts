import {
  type ClaimResult,
  type Clock,
  type Environment,
  Misconfigured,
  type ReplayClaim,
  type ReplayStore,
} from '@countermark/core'
import {
  findSignOfOthers,
  flag,
  number,
  optionTable,
  type ProcessSurroundings,
  readSurroundings,
} from '@countermark/core/internal'
import { type ClaimQuota, createClaimQuota } from '../claim-quota.ts'
import { createEraKeeper, isProvenFresh } from '../fence.ts'
import { STORE_METRICS } from '../metric-rows.ts'
import { createNonce, createRandomDraw } from '../nonce.ts'
import { createStoreRules, STORE_ROWS, type StoreOptions } from '../store-options.ts'
import { createFingerprintTable } from './fingerprint-table.ts'

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
 * Remembers claims in this process, synchronously. Never forgets a live one.
 * @throws {@link Misconfigured} `ERR_REPLAY_SINGLE_PROCESS`
 * @example
 * preventReplay({ store: memoryReplayStore() })
 */
export function memoryReplayStore(options: MemoryReplayStoreOptions = {}): MemoryReplayStore {
  const settings = OPTIONS.read(options)
  if (!settings.allowSingleProcess) requireSingleProcess(readSurroundings())
  const rules = createStoreRules(settings)
  const createQuota = (): ClaimQuota => createClaimQuota(settings)
  let table = createFingerprintTable()
  let quota = createQuota()
  const eras = createEraKeeper(rules, 'memory')
  const draw = createRandomDraw()
  const begin = (): void => {
    const start = { fromMs: Number.NEGATIVE_INFINITY, untilMs: rules.startedAt, cause: 'start' } as const
    eras.forget(start, eras.current().secret)
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
      if (!isProvenFresh(claim, eras.current(), rules, nowMs)) return 'unproven'
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
      table = createFingerprintTable()
      quota = createQuota()
    },
    issueNonce: (environment) => createNonce(eras.current().secret, environment.clock.wallMs(), draw),
  }
}

/**
 * Refuses memory that other processes cannot see where there may be others: each of them would accept a request once.
 * @throws {@link Misconfigured} `ERR_REPLAY_SINGLE_PROCESS`
 */
export function requireSingleProcess(surroundings: ProcessSurroundings): void {
  const sign = findSignOfOthers(surroundings)
  if (sign === undefined) return
  throw new Misconfigured(
    'ERR_REPLAY_SINGLE_PROCESS',
    `memoryReplayStore sees one process only, and ${sign}; use redisReplayStore, or say allowSingleProcess: true`,
  )
}
