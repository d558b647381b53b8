import { type Clock, Refusal } from '@countermark/core'
import { createSourceLimiter, optionTable, type SourceLimit, sourceLimit } from '@countermark/core/internal'
import { createMessageAddress } from '@countermark/core/node'
import type { Call } from '../http/call.ts'

/** What networks may still cost on routes where the request proves nothing that the authority knew before. */
export interface NetworkBudget {
  /** @throws Refusal `rate_limited` while the network of the request has nothing left */
  readonly requireRoom: (call: Call) => void
  readonly charge: (call: Call) => void
}

/** Where the limit and the address come from. */
export interface NetworkBudgetSettings {
  readonly sourceLimit: SourceLimit | 'off' | undefined
  readonly trustedProxies: readonly string[]
  readonly clock: Clock
}

const LIMIT = optionTable('createAuthority', { sourceLimit })

/** Creates the budget of one kind of route: what strangers spend on it is missing nowhere else. */
export function createNetworkBudget({
  sourceLimit: given,
  trustedProxies,
  clock,
}: NetworkBudgetSettings): NetworkBudget {
  const { sourceLimit: limit } = LIMIT.read({ sourceLimit: given })
  const sources = limit && createSourceLimiter(limit)
  const addressOf = createMessageAddress(trustedProxies)
  const now = (): number => clock.monotonicMs()
  return {
    requireRoom: ({ message }) => {
      const seconds = sources?.secondsToWait(() => addressOf(message), now) ?? 0
      if (seconds === 0) return
      throw new Refusal('rate_limited', 'too many requests of this network were refused', {
        retryAfterSeconds: seconds,
      })
    },
    charge: ({ message }) => sources?.charge(addressOf(message), now()),
  }
}
