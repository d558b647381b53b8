import { setTimeout } from 'node:timers/promises'
import type { Clock } from '@countermark/core'
import { custom, type OptionReader, requireMethods, systemClock } from '@countermark/core/internal'
import { type CheckedFetch, checkFetch, type UnderlyingFetch } from './fetch/underlying-fetch.ts'

/** An option that another reader validates. */
export function given<Value>(): OptionReader<Value> {
  return custom((_name, value) => value as Value)
}

/** @default the machine's clock */
export const CLOCK: OptionReader<Clock> = custom((name, value = systemClock) =>
  requireMethods<Clock>(name, value as Clock, ['wallMs', 'monotonicMs']),
)

/** @default the global `fetch` */
export const FETCH: OptionReader<CheckedFetch> = custom((_name, value) => checkFetch(value as UnderlyingFetch))

/** Waits; rejects when the signal aborts. */
export type Delay = (ms: number, signal: AbortSignal | undefined) => Promise<void>

/** @default a timer */
export const DELAY: OptionReader<Delay> = custom((_name, delay = wait) => delay as Delay)

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    // `fetch` rejects with the reason that the caller gave, not with the timer's.
    signal?.throwIfAborted()
    throw error
  }
}
