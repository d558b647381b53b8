import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { type Clock, type Decision, type Environment, Misconfigured, type Observer } from '@countermark/core'
import {
  callback,
  custom,
  type Measurement,
  methods,
  number,
  optionTable,
  requireObject,
  requireWord,
  systemClock,
} from '@countermark/core/internal'
import { EVENT_METRICS, metricsOfSinks } from '../metric-rows.ts'
import type { AuditRecord } from '../record/audit-record.ts'
import { escapeLine } from '../record/bounded-text.ts'
import { newChainName, type PlacedRecord, type UnsealedRecord } from '../record/chain.ts'
import { readDecision } from '../record/read-decision.ts'
import {
  isPseudonymKey,
  pseudonymOf,
  RECORD_RULE_ROWS,
  type RecordRuleOptions,
  recordRules,
} from '../record/record-rules.ts'
import { writeDecision } from '../record/write-decision.ts'
import { type AuditEvent, readEvent, writeOutcome } from '../record/write-record.ts'
import { type EventSink, requireSinks } from '../sinks/sink.ts'
import { isRehearsal } from '../trail/rehearsal.ts'
import { EventQueue } from './event-queue.ts'

/** Options of {@link eventStream}. */
export interface EventStreamOptions extends RecordRuleOptions {
  /** Where events go; each has a queue of its own. */
  readonly sinks: readonly EventSink[]
  /** Most events that wait for one sink; then the oldest are dropped. @default 10_000 */
  readonly maxQueued?: number
  /** What a sink may take for one batch, before it is tried again. Milliseconds. @default 10_000 */
  readonly deadlineMs?: number
  /** Values about people that travel along, and how. @default none */
  readonly values?: EventValues
  /** Needed for pseudonyms, at least 16 bytes: the same in every process whose events belong together. */
  readonly pseudonymKey?: string | Uint8Array
  /** Waits between attempts. @default a timer that keeps no process alive */
  readonly delay?: (ms: number) => Promise<void>
  /** @default the machine's clock */
  readonly clock?: Clock
}

/** An observer: `createGuard({ observers: [events] })`. */
export interface EventStream extends Observer {
  /** Streams what no guard decides, such as a change of level. Never waits. @throws TypeError for what is no event */
  readonly event: (event: AuditEvent) => void
  /** Delivers what waits, as far as sinks take it at once, counts the rest as dropped, and closes the sinks. */
  readonly close: () => Promise<void>
}

interface FreshEvent {
  readonly seq: number
  readonly write: () => UnsealedRecord
}

const EVENTS_PER_TURN = 32

/**
 * Streams decisions and outcomes to data lakes and risk engines, as the trail records them but without evidence. No request
 * waits for it and none fails by it: what a sink cannot take in time is dropped, counted, and seen as a gap in `seq`. What
 * must not be lost belongs into `auditTrail`.
 * @example
 * createGuard({ origins, observers: [eventStream({ sinks: [redisStreamSink({ client, stream: 'events' })] })] })
 * @throws Misconfigured
 */
export function eventStream(options: EventStreamOptions): EventStream {
  const settings = readOptions(options)
  if (isRehearsal()) return { event: () => undefined, close: async () => undefined }
  const { clock, rules } = settings
  const events = new Events(settings)
  // By decision: it is gone with its request.
  const ids = new WeakMap<Decision, string>()
  return {
    metrics: metricsOfSinks(
      EVENT_METRICS.rows,
      settings.sinks.map(({ name }) => name),
    ),
    reportTo: (report) => {
      events.report ??= report
    },
    decided: (decision) => {
      const id = events.add((own) => writeDecision(readDecision(decision, rules, undefined), own, rules.mask))
      ids.set(decision, id)
    },
    finished: (decision, outcome) => {
      const of = ids.get(decision)
      if (of === undefined || outcome.repeated === true) return
      const atMs = clock.wallMs()
      events.add((id) => writeOutcome(decision, outcome, { id, of, atMs, route: decision.request.route().template }))
    },
    event: (event) => void events.add(readEvent(event, clock.wallMs(), rules)),
    close: () => events.close(),
  }
}

class Events {
  report: Environment['report'] | undefined
  private readonly settings: ReturnType<typeof readOptions>
  private readonly stream: string
  private readonly queues: readonly EventQueue[]
  private readonly fresh: FreshEvent[] = []
  private seq = 0

  constructor(settings: ReturnType<typeof readOptions>) {
    const { clock, deadlineMs, delay, maxQueued, sinks } = settings
    const report = (measurement: Measurement): void => this.report?.(measurement)
    const options = { maxQueued, deadlineMs, delay, report }
    this.settings = settings
    this.stream = `events-${newChainName(clock.wallMs())}`
    this.queues = sinks.map((sink) => new EventQueue(sink, options))
  }

  /** Answers with the id of the event. */
  add(write: (id: string) => UnsealedRecord): string {
    this.seq += 1
    const id = `${this.stream}.${this.seq}`
    if (this.fresh.length >= this.settings.maxQueued) for (const queue of this.queues) queue.drop(1)
    else if (this.fresh.push({ seq: this.seq, write: () => write(id) }) === 1) setImmediate(() => this.drain())
    return id
  }

  async close(): Promise<void> {
    while (this.fresh.length > 0) await nextTurn()
    await Promise.all(this.queues.map((queue) => queue.close()))
  }

  /** Events are put together after their request had its turn, so few at once that no other request waits long. */
  private drain(): void {
    const { values, pseudonymKey } = this.settings
    for (const { seq, write } of this.fresh.splice(0, EVENTS_PER_TURN)) {
      const event = placeEvent(write(), seq, { stream: this.stream, values, pseudonymKey })
      for (const queue of this.queues) queue.push(event)
    }
    if (this.fresh.length > 0) setImmediate(() => this.drain())
  }
}

const OPTIONS = optionTable('eventStream', {
  sinks: custom((_, given) => requireSinks<EventSink>(given, 'redisStreamSink({ client })')),
  maxQueued: number({ min: 1, max: 1_000_000, default: 10_000 }),
  deadlineMs: number({ min: 1, max: 300_000, default: 10_000 }),
  values: custom((name, given = {}) => readValues(name, given as EventValues)),
  pseudonymKey: custom((_, given) => given as string | Uint8Array | undefined),
  delay: callback<(ms: number) => Promise<void>>(),
  clock: methods<Clock>(['wallMs']),
  ...RECORD_RULE_ROWS,
})

function readOptions(options: EventStreamOptions) {
  const { clock = systemClock, pseudonymKey, ...settings } = OPTIONS.read(options)
  const { delay = async (ms) => void (await wait(ms, undefined, { ref: false })), values } = settings
  if (Object.values(values).includes('pseudonym') && !isPseudonymKey(pseudonymKey)) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'pseudonyms need pseudonymKey, a secret of at least 16 bytes')
  }
  return { ...settings, clock, delay, pseudonymKey: pseudonymKey ?? '', rules: recordRules(settings) }
}

function readValues(name: string, values: EventValues): EventValues {
  requireObject(name, values, EVENT_VALUES)
  for (const form of Object.values(values)) requireWord(name, form, ['plain', 'pseudonym'])
  return { ...values }
}

/** Values about people that an event may carry. What was signed is never among them. */
const EVENT_VALUES = ['actors', 'address', 'intent', 'target', 'user'] as const
type EventValueName = (typeof EVENT_VALUES)[number]

/** How each value travels. `pseudonym`: the same text for the same value, which only the key leads back to it. */
type EventValues = Readonly<Partial<Record<EventValueName, 'plain' | 'pseudonym'>>>

interface EventRules {
  readonly stream: string
  readonly values: EventValues
  readonly pseudonymKey: string | Uint8Array
}

/** A record as an event: without evidence and commitments, and with those values about people that were asked for. */
function placeEvent({ record, private: values }: UnsealedRecord, seq: number, rules: EventRules): PlacedRecord {
  const { stream } = rules
  const event = withoutEvidence(record)
  const shown = EVENT_VALUES.flatMap((name) => {
    const value = showValue(name, values[name]?.value, rules)
    return value === undefined ? [] : [[name, value] as const]
  })
  const line = escapeLine(JSON.stringify({ record: event, seq, stream, values: Object.fromEntries(shown) }))
  const named = Object.fromEntries(shown.map(([name, value]) => [name, { value }]))
  return { chain: stream, seq, record: event, private: named, line }
}

function withoutEvidence(record: AuditRecord): AuditRecord {
  if (record.type === 'outcome') return record
  if (record.type === 'event') return { ...record, commitments: {} }
  return { ...record, argumentHash: undefined, commitments: {}, evidence: { grade: record.evidence.grade } }
}

function showValue(name: EventValueName, value: string | undefined, rules: EventRules): string | undefined {
  const form = rules.values[name]
  if (value === undefined || form === undefined) return undefined
  return form === 'plain' ? value : pseudonymOf(name, value, rules.pseudonymKey)
}
