import { type Clock, requireNumber } from '@countermark/core'
import { requireWord, systemClock } from '@countermark/core/internal'
import type { FenceMode, FenceRule } from './fence.ts'
import type { NonceRule } from './own-nonce.ts'

/** Options that every store of this package has. */
export interface StoreOptions {
  /**
   * `default`: a request signed before the store could remember must carry a nonce of this store. `strict`: also one dated
   * up to `futureSkewSeconds` ahead of that moment. @default 'default'
   */
  readonly fence?: FenceMode
  /** At least the `futureSkewSeconds` of the guard. Claims are kept this much longer, too. @default 30 */
  readonly futureSkewSeconds?: number
  /** How long an issued nonce is recognised. @default 300 */
  readonly nonceSeconds?: number
  /** Live claims that one key may hold in this process. @default 100_000 */
  readonly maxClaimsPerKey?: number
  /** Since when this store can remember; Unix milliseconds. @default now */
  readonly startedAt?: number
  /** @default the clock of the first guard that is composed with it, and until then the clock of this machine */
  readonly clock?: Clock
  /**
   * What happens when the wall clock leaves the monotonic one by more than two seconds. `fence`: what was signed before must
   * prove itself by a nonce. @default 'fence', with another clock than the machine's 'ignore'
   */
  readonly onClockJump?: 'fence' | 'ignore'
}

/** Options with their defaults. */
export interface StoreRules extends FenceRule, NonceRule {
  /** How long a claim is kept after its proof has ended: for other clocks, and for steps of this one that are not noticed. */
  readonly keepSeconds: number
  readonly maxClaimsPerKey: number
  readonly clock: Clock
  readonly startedAt: number
  readonly watchesClock: boolean
  /** Goes by the clock of a guard from now on. Says whether that changes anything: the first clock counts. */
  readonly useClock: (clock: Clock) => boolean
}

const UNNOTICED_SECONDS = 2

/** Names of {@link StoreOptions}. */
export const STORE_OPTIONS: readonly (keyof StoreOptions)[] = [
  'fence',
  'futureSkewSeconds',
  'nonceSeconds',
  'maxClaimsPerKey',
  'startedAt',
  'clock',
  'onClockJump',
]

/**
 * Fills in defaults.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function readStoreOptions(options: StoreOptions): StoreRules {
  const { fence = 'default', onClockJump, clock = systemClock } = options
  requireWord('fence', fence, ['default', 'strict'])
  if (onClockJump !== undefined) requireWord('onClockJump', onClockJump, ['fence', 'ignore'])
  const bornMs = clock.monotonicMs()
  const futureSkewSeconds = requireNumber('futureSkewSeconds', options.futureSkewSeconds ?? 30, { min: 0, max: 3600 })
  let isSettled = options.clock !== undefined
  const rules: { -readonly [Name in keyof StoreRules]: StoreRules[Name] } = {
    fence,
    clock,
    futureSkewSeconds,
    keepSeconds: futureSkewSeconds + UNNOTICED_SECONDS,
    nonceSeconds: requireNumber('nonceSeconds', options.nonceSeconds ?? 300, { min: 1, max: 86_400 }),
    maxClaimsPerKey: requireNumber('maxClaimsPerKey', options.maxClaimsPerKey ?? 100_000, { min: 1 }),
    startedAt: requireNumber('startedAt', options.startedAt ?? clock.wallMs(), { min: 0 }),
    watchesClock: (onClockJump ?? (isSettled ? 'ignore' : 'fence')) === 'fence',
    useClock: (next) => {
      if (isSettled) return false
      isSettled = true
      if (next === clock) return false
      // By the new clock, the store is as old as it was by the other.
      rules.startedAt = options.startedAt ?? Math.max(0, next.wallMs() - (clock.monotonicMs() - bornMs))
      rules.clock = next
      rules.watchesClock = onClockJump === 'fence'
      return true
    },
  }
  return rules
}
