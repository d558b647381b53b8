import type { RequestListener } from 'node:http'
import { type GuardSummary, summariesOf } from '@countermark/core/internal'

/** A route of an application. */
export interface FoundRoute {
  /** `*` for all. */
  readonly method: string
  /** As the framework has it, mounts in front. */
  readonly path: string
  /** What guards it, in order; none when it is open to all. */
  readonly guards: readonly GuardSummary[]
}

/** An application, and how it answers. */
export interface FoundApp {
  readonly routes: readonly FoundRoute[]
  /** Answers as the application does, with its guards and without its handlers: nothing of it runs afterwards as before. */
  readonly rehearse: () => RequestListener
}

/** What a rehearsed route answers with instead of its handler. */
export const REACHED = { name: 'Countermark-Rehearsal', value: 'reached' } as const

/** The value with which a rehearsed application answers for one that is mounted in it: what that one would do is not known. */
export const MOUNTED = 'mounted'

/** The handlers of a route without all that is no guard; `reached` answers where the handler stood. */
export function withoutHandlers<Handler>(handlers: readonly Handler[], reached: Handler): readonly Handler[] {
  return [...handlers.filter((handler) => summariesOf(handler).length > 0), reached]
}
