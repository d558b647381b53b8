import type { GuardedService } from './guarded-service.ts'

/** One alert, and how its condition is brought about for real. */
export interface Drill {
  /** As the rule file names it. */
  readonly alert: string
  /** One sentence for the report. */
  readonly how: string
  /** Whom the alert is to be about. */
  readonly service: GuardedService
  /** Ordinary requests, sent every second from beginning to end; what becomes of them does not matter. @default none */
  readonly traffic?: () => Promise<unknown>
  readonly bring: () => Promise<unknown>
  /** How it is ended, or why its alert outlasts the drill. */
  readonly ending: Ending
}

export type Ending = { readonly end: () => Promise<unknown> } | { readonly lingers: string }

/** Nothing has to be done: the window of the expression passes. */
export const PASSES: Ending = { end: async () => undefined }

/** For expressions that look back five minutes: longer than a drill may take. */
export const FIVE_MINUTES: Ending = { lingers: 'looks back 5 min' }

/** Some drills, and how what they need is stopped. */
export interface DrillSet {
  readonly drills: readonly Drill[]
  readonly close: () => Promise<unknown>
}

/** Does something a number of times, all at once. */
export function atOnce<T>(count: number, act: () => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: count }, act))
}
