import { type Clock, requireNumber, requireWord, systemClock } from '@countermark/core'
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
  /** The clock of the guard, when that has one of its own. @default the clock of this machine */
  readonly clock?: Clock
  /**
   * What happens when the wall clock leaves the monotonic one by more than two seconds. `fence`: what was signed before must
   * prove itself by a nonce. @default 'fence', with a `clock` of your own 'ignore'
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
  const { fence = 'default', clock = systemClock } = options
  const { onClockJump = options.clock === undefined ? 'fence' : 'ignore' } = options
  requireWord('fence', fence, ['default', 'strict'])
  requireWord('onClockJump', onClockJump, ['fence', 'ignore'])
  const futureSkewSeconds = requireNumber('futureSkewSeconds', options.futureSkewSeconds ?? 30, { min: 0, max: 3600 })
  return {
    fence,
    clock,
    futureSkewSeconds,
    keepSeconds: futureSkewSeconds + UNNOTICED_SECONDS,
    nonceSeconds: requireNumber('nonceSeconds', options.nonceSeconds ?? 300, { min: 1, max: 86_400 }),
    maxClaimsPerKey: requireNumber('maxClaimsPerKey', options.maxClaimsPerKey ?? 100_000, { min: 1 }),
    startedAt: requireNumber('startedAt', options.startedAt ?? clock.wallMs(), { min: 0 }),
    watchesClock: onClockJump === 'fence',
  }
}
