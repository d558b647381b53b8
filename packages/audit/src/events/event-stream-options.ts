import { setTimeout as wait } from 'node:timers/promises'
import { type Clock, Misconfigured, requireKnownOptions, requireNumber } from '@countermark/core'
import { requireMethods, requireObject, requireWord, systemClock } from '@countermark/core/internal'
import {
  RECORD_RULE_OPTIONS,
  type RecordRuleOptions,
  type RecordRules,
  readRecordRules,
} from '../record/record-rules.ts'
import type { EventSink } from '../sinks/audit-sink.ts'
import { EVENT_VALUES, type EventValues } from './event-record.ts'

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

/** Options after validation. */
export interface EventStreamSettings {
  readonly sinks: readonly EventSink[]
  readonly maxQueued: number
  readonly deadlineMs: number
  readonly values: EventValues
  readonly pseudonymKey: string | Uint8Array
  readonly delay: (ms: number) => Promise<void>
  readonly clock: Clock
  readonly rules: RecordRules
}

const KNOWN: readonly (keyof EventStreamOptions)[] = [
  ...(['sinks', 'maxQueued', 'deadlineMs', 'values', 'pseudonymKey', 'delay', 'clock'] as const),
  ...RECORD_RULE_OPTIONS,
]

/**
 * Validates the options of an event stream.
 * @throws {@link Misconfigured}
 */
export function readEventStreamOptions(options: EventStreamOptions): EventStreamSettings {
  requireKnownOptions('eventStream', options, KNOWN)
  const { delay = async (ms: number) => void (await wait(ms, undefined, { ref: false })) } = options
  const values = readValues(options)
  return {
    sinks: requireSinks(options.sinks),
    maxQueued: requireNumber('maxQueued', options.maxQueued ?? 10_000, { min: 1, max: 1_000_000 }),
    deadlineMs: requireNumber('deadlineMs', options.deadlineMs ?? 10_000, { min: 1, max: 300_000 }),
    values,
    pseudonymKey: options.pseudonymKey ?? '',
    delay: requireMethods('eventStream', { delay }, ['delay']).delay,
    clock: requireMethods('clock', options.clock ?? systemClock, ['wallMs']),
    rules: readRecordRules(options),
  }
}

function requireSinks(sinks: readonly EventSink[]): readonly EventSink[] {
  if (!Array.isArray(sinks) || sinks.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'sinks must list at least one, such as redisStreamSink({ client })')
  }
  for (const sink of sinks) requireMethods('each of sinks', sink, ['append'])
  return [...sinks]
}

function readValues({ values = {}, pseudonymKey }: EventStreamOptions): EventValues {
  requireObject('values', values, EVENT_VALUES)
  const forms = Object.values(values)
  for (const form of forms) requireWord('values', form, ['plain', 'pseudonym'])
  if (forms.includes('pseudonym') && !isLongKey(pseudonymKey)) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'pseudonyms need pseudonymKey, a secret of at least 16 bytes')
  }
  return { ...values }
}

function isLongKey(key: string | Uint8Array | undefined): boolean {
  return (typeof key === 'string' || key instanceof Uint8Array) && Buffer.from(key).length >= 16
}
