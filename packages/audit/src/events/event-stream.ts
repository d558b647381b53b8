import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Decision, Environment, Observer } from '@countermark/core'
import { EVENT_METRIC_ROWS, metricsOfSinks } from '../metric-rows.ts'
import { newChainName, type UnsealedRecord } from '../record/chain.ts'
import { decisionRecord, outcomeRecord } from '../record/decision-record.ts'
import { recordedDecision } from '../record/recorded-decision.ts'
import { createEventQueue } from './event-queue.ts'
import { placeEvent } from './event-record.ts'
import { type EventStreamOptions, readEventStreamOptions } from './event-stream-options.ts'

/** An observer: `createGuard({ observers: [events] })`. */
export interface EventStream extends Observer {
  /** Delivers what waits, as far as sinks take it at once, counts the rest as dropped, and closes the sinks. */
  readonly close: () => Promise<void>
}

const EVENTS_PER_TURN = 32

interface Fresh {
  readonly seq: number
  readonly write: () => UnsealedRecord
}

/**
 * Streams decisions and outcomes to data lakes and risk engines, as the trail records them but without evidence. No request
 * waits for it and none fails by it: what a sink cannot take in time is dropped, counted, and seen as a gap in `seq`. What
 * must not be lost belongs into `auditTrail`.
 * @example
 * createGuard({ authorities, observers: [eventStream({ sinks: [redisStreamSink({ client, stream: 'events' })] })] })
 * @throws Misconfigured
 */
export function eventStream(options: EventStreamOptions): EventStream {
  const { sinks, maxQueued, deadlineMs, delay, clock, rules, values, pseudonymKey } = readEventStreamOptions(options)
  const stream = `events-${newChainName(clock.wallMs())}`
  let report: Environment['report'] | undefined
  const queues = sinks.map((sink) =>
    createEventQueue(sink, { maxQueued, deadlineMs, delay, report: (measurement) => report?.(measurement) }),
  )
  const names = new WeakMap<Decision, string>()
  const fresh: Fresh[] = []
  let seq = 0

  /** Records are put together after the request had its turn, so many in one that nobody else's takes longer for it. */
  function drain(): void {
    for (const { seq: place, write } of fresh.splice(0, EVENTS_PER_TURN)) {
      const event = placeEvent(write(), place, { stream, values, pseudonymKey })
      for (const queue of queues) queue.push(event)
    }
    if (fresh.length > 0) setImmediate(drain)
  }

  function add(write: (id: string) => UnsealedRecord): string {
    seq += 1
    const id = `${stream}.${seq}`
    if (fresh.length >= maxQueued) for (const queue of queues) queue.drop(1)
    else if (fresh.push({ seq, write: () => write(id) }) === 1) setImmediate(drain)
    return id
  }

  return {
    metrics: metricsOfSinks(
      EVENT_METRIC_ROWS,
      sinks.map(({ name }) => name),
    ),
    reportTo: (tell) => {
      report ??= tell
    },
    decided: (decision) => {
      const id = add((own) => decisionRecord(recordedDecision(decision, rules, undefined), own, rules.mask))
      names.set(decision, id)
    },
    finished: (decision, outcome) => {
      const of = names.get(decision)
      if (of === undefined || outcome.repeated === true) return
      const atMs = clock.wallMs()
      add((id) => outcomeRecord(decision, outcome, { id, of, atMs, route: decision.request.route().template }))
    },
    close: async () => {
      while (fresh.length > 0) await nextTurn()
      await Promise.all(queues.map((queue) => queue.close()))
    },
  }
}
