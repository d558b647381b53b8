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
