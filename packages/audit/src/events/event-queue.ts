import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Measurement } from '@countermark/core'
import { withDeadline } from '@countermark/core/internal'
import type { PlacedRecord } from '../record/chain.ts'
import type { EventSink } from '../sinks/audit-sink.ts'

/** How a sink is fed with events. */
export interface EventQueueOptions {
  readonly maxQueued: number
  readonly deadlineMs: number
  readonly delay: (ms: number) => Promise<void>
  readonly report: (measurement: Measurement) => void
}

/** Events on their way into one sink. When too many wait, the oldest are dropped and counted. */
export interface EventQueue {
  readonly push: (event: PlacedRecord) => void
  /** Counts what never got here. */
  readonly drop: (count: number) => void
  /** Tries once more to deliver everything, and drops what cannot be delivered. */
  readonly close: () => Promise<void>
}

const MAX_BATCH = 500
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** Makes the queue of one sink. It delivers in order, one batch at a time. */
export function createEventQueue(sink: EventSink, options: EventQueueOptions): EventQueue {
  const { maxQueued, deadlineMs, delay, report } = options
  const labels = { sink: sink.name }
  let waiting: PlacedRecord[] = []
  let running: Promise<void> | undefined
  let failures = 0
  let stopWaiting = (): void => undefined
  const closing = new Promise<void>((resolve) => {
    stopWaiting = resolve
  })
  let isClosing = false

  const drop = (value: number): void => {
    if (value > 0) report({ name: 'events_dropped_total', kind: 'counter', value, labels })
  }

  function trim(): void {
    const excess = waiting.length - maxQueued
    if (excess <= 0) return
    waiting = waiting.slice(excess)
    drop(excess)
  }

  async function deliver(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH)
      try {
        await withDeadline(sink.append(batch), deadlineMs)
        failures = 0
        report({ name: 'events_sent_total', kind: 'counter', value: batch.length, labels })
      } catch {
        // Whatever it was: tried again until it succeeds or newer events take the room.
        waiting = [...batch, ...waiting]
        await pause()
      }
    }
    running = undefined
  }

  async function pause(): Promise<void> {
    trim()
    if (isClosing) {
      drop(waiting.length)
      waiting = []
      return
    }
    failures += 1
    // Whatever `delay` does, others get their turn between two attempts.
    await nextTurn()
    await Promise.race([delay(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS)), closing])
  }

  return {
    drop,
    push: (event) => {
      if (isClosing) return drop(1)
      waiting.push(event)
      trim()
      running ??= deliver()
      return undefined
    },
    close: async () => {
      isClosing = true
      stopWaiting()
      await running
      await sink.close?.()
    },
  }
}
