import { SIGNAL_NAMES } from '../score/weights.ts'
import { type EndSignal, failureBurst, failureLimit, refusedShare } from './failures.ts'
import { networkChange, twoNetworks } from './network.ts'
import { honeyScope, newCapability, newRoute, newUser, routeOrder, unusualDay, unusualHour } from './novelty.ts'
import { amountVelocity, requestLimit, requestPace, requestVelocity, writeLimit, writeVelocity } from './rates.ts'
import { amountOutlier, idWalk, manyResources } from './resources.ts'
import type { Signal } from './signal.ts'
import { trendSentence } from './trend.ts'
import { volume } from './volume.ts'

/** A signal and the place of its evidence. */
export interface PlacedSignal<Kind> {
  readonly index: number
  readonly signal: Kind
}

/** What looks at each request, in this order: limits read the counts of the velocities before them. */
export const REQUEST_SIGNALS: readonly PlacedSignal<Signal>[] = place([
  requestVelocity,
  requestPace,
  requestLimit,
  writeVelocity,
  writeLimit,
  amountVelocity,
  amountOutlier,
  newCapability,
  newRoute,
  newUser,
  routeOrder,
  unusualHour,
  unusualDay,
  idWalk,
  manyResources,
  networkChange,
  twoNetworks,
  honeyScope,
])

/** What looks at how each request ended. */
export const END_SIGNALS: readonly PlacedSignal<EndSignal>[] = place([failureBurst, failureLimit, refusedShare, volume])

/** How each signal says what it saw, by place. */
export const SENTENCES: readonly ((seen: number, compared: number) => string)[] = SIGNAL_NAMES.map((name) => {
  const placed = [...REQUEST_SIGNALS, ...END_SIGNALS].find(({ signal }) => signal.name === name)
  return placed?.signal.sentence ?? (name === 'request_trend' ? trendSentence : () => name)
})

function place<Kind extends { readonly name: (typeof SIGNAL_NAMES)[number] }>(
  signals: readonly Kind[],
): readonly PlacedSignal<Kind>[] {
  return signals.map((signal) => ({ index: SIGNAL_NAMES.indexOf(signal.name), signal }))
}
