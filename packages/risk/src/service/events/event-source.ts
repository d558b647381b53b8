import type { EventSourceName } from '../service-metrics.ts'

/** Where lines of events are read from, again and again. */
export interface RiskEventSource {
  /** A closed word for metrics. */
  readonly name: Exclude<EventSourceName, 'http'>
  /** Names it among several, for a snapshot: the file or the stream. */
  readonly id: string
  /** Reads what is new and hands it on, some lines at a time. @returns whether there was any */
  readonly read: (take: (lines: readonly string[]) => void) => Promise<boolean>
  /** How far it has read. */
  readonly position: () => string
  /** Goes on from where it was. */
  readonly resume: (position: string) => void
  /** Lets go of files. @default nothing to let go of */
  readonly close?: () => Promise<void>
}
