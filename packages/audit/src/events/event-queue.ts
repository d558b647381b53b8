import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Measurement, withDeadline } from '@countermark/core/internal'
import { EVENT_METRICS } from '../metric-rows.ts'
import type { PlacedRecord } from '../record/chain.ts'
import type { EventSink } from '../sinks/sink.ts'

/** How a sink is fed with events. */
export interface EventQueueOptions {
  readonly maxQueued: number
  readonly deadlineMs: number
  readonly delay: (ms: number) => Promise<void>
  readonly report: (measurement: Measurement) => void
}

const MAX_BATCH = 500
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

/** Events on their way into one sink: in order, one batch at a time. When too many wait, the oldest are dropped and counted. */
export class EventQueue {
  private readonly sink: EventSink
  private readonly options: EventQueueOptions
  private waiting: PlacedRecord[] = []
  private running: Promise<void> | undefined
  private failures = 0
  private isClosing = false
  private stopWaiting = (): void => undefined
  private readonly closing = new Promise<void>((resolve) => {
    this.stopWaiting = resolve
  })

  constructor(sink: EventSink, options: EventQueueOptions) {
    this.sink = sink
    this.options = options
  }

  push(event: PlacedRecord): void {
    if (this.isClosing) {
      this.drop(1)
      return
    }
    this.waiting.push(event)
    this.trim()
    this.running ??= this.deliver()
  }

  /** Counts events that are lost to this sink. */
  drop(count: number): void {
    if (count > 0) this.report('events_dropped_total', count)
  }

  /** Tries once more to deliver everything, and drops what cannot be delivered. */
  async close(): Promise<void> {
    this.isClosing = true
    this.stopWaiting()
    await this.running
    await this.sink.close?.()
  }

  private trim(): void {
    const excess = this.waiting.length - this.options.maxQueued
    if (excess <= 0) return
    this.waiting = this.waiting.slice(excess)
    this.drop(excess)
  }

  private async deliver(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MAX_BATCH)
      try {
        await withDeadline(this.sink.append(batch), this.options.deadlineMs)
        this.failures = 0
        this.report('events_sent_total', batch.length)
      } catch {
        // Any failure: tried again until it succeeds or newer events take the room.
        this.waiting = [...batch, ...this.waiting]
        await this.pause()
      }
    }
    this.running = undefined
  }

  private async pause(): Promise<void> {
    this.trim()
    if (this.isClosing) {
      this.drop(this.waiting.length)
      this.waiting = []
      return
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.failures, LONGEST_PAUSE_MS)
    this.failures += 1
    // Even if `delay` answers at once, other work gets its turn between two attempts.
    await nextTurn()
    await Promise.race([this.options.delay(pauseMs), this.closing])
  }

  private report(name: 'events_sent_total' | 'events_dropped_total', value: number): void {
    this.options.report(EVENT_METRICS.measure(name, value, { sink: this.sink.name }))
  }
}
