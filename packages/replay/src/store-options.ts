import type { Clock } from '@countermark/core'
import { methods, number, type OptionReader, systemClock, word } from '@countermark/core/internal'
import type { NonceRule } from './nonce.ts'

/** How much is refused after a loss of memory: see the README, "What a restart costs". */
export type FenceMode = 'default' | 'strict'

/** How a fence is drawn. */
export interface FenceRule {
  readonly fence: FenceMode
  /** At least the guard's own: a request accepted in the past may have been dated this far ahead. */
  readonly futureSkewSeconds: number
}

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

/** {@link StoreOptions} after validation. */
export interface StoreSettings {
  readonly fence: FenceMode
  readonly futureSkewSeconds: number
  readonly nonceSeconds: number
  readonly maxClaimsPerKey: number
  readonly startedAt: number | undefined
  readonly clock: Clock | undefined
  readonly onClockJump: 'fence' | 'ignore' | undefined
}

/** Reads {@link StoreOptions}. */
export const STORE_ROWS: { readonly [Name in keyof StoreSettings]: OptionReader<StoreSettings[Name]> } = {
  fence: word(['default', 'strict'], 'default'),
  futureSkewSeconds: number({ min: 0, max: 3600, default: 30 }),
  nonceSeconds: number({ min: 1, max: 86_400, default: 300 }),
  maxClaimsPerKey: number({ min: 1, default: 100_000 }),
  startedAt: number({ min: 0 }),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
  onClockJump: word(['fence', 'ignore']),
}

/** What a store goes by. */
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

/** Makes the rules of a store that begins now. */
export function createStoreRules(settings: StoreSettings): StoreRules {
  const { fence, futureSkewSeconds, nonceSeconds, maxClaimsPerKey, startedAt, onClockJump } = settings
  const { clock = systemClock } = settings
  const bornMs = clock.monotonicMs()
  let isSettled = settings.clock !== undefined
  const rules: { -readonly [Name in keyof StoreRules]: StoreRules[Name] } = {
    ...{ fence, clock, futureSkewSeconds, nonceSeconds, maxClaimsPerKey },
    keepSeconds: futureSkewSeconds + UNNOTICED_SECONDS,
    startedAt: startedAt ?? clock.wallMs(),
    watchesClock: (onClockJump ?? (isSettled ? 'ignore' : 'fence')) === 'fence',
    useClock: (next) => {
      if (isSettled) return false
      isSettled = true
      if (next === clock) return false
      // By the new clock, the store is as old as it was by the other.
      rules.startedAt = startedAt ?? Math.max(0, next.wallMs() - (clock.monotonicMs() - bornMs))
      rules.clock = next
      rules.watchesClock = onClockJump === 'fence'
      return true
    },
  }
  return rules
}
