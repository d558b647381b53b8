import { type Clock, Misconfigured } from '@countermark/core'
import { custom, flag, methods, number, optionTable, systemClock } from '@countermark/core/internal'
import {
  PSEUDONYMS,
  type PseudonymOptions,
  RECORD_RULE_ROWS,
  type RecordRuleOptions,
  type RecordRules,
  recordRules,
} from '../record/record-rules.ts'
import { type AuditSink, requireSinks } from '../sinks/sink.ts'
import type { CheckpointOptions } from './checkpoint.ts'

/** Options of {@link auditTrail}. */
export interface AuditTrailOptions extends RecordRuleOptions {
  /** Where records go. One must succeed; two in separate failure domains are better. */
  readonly sinks: readonly AuditSink[]
  /** Signs the end of the chain now and then. @default nothing is anchored: a writer of the trail can rewrite it */
  readonly checkpoints?: CheckpointOptions
  /** Most records that no sink has yet, and most that wait for a sink that fails. @default 10_000 */
  readonly bufferRecords?: number
  /** What a sink may take for one batch. Milliseconds. @default 1000 */
  readonly deadlineMs?: number
  /** How long records may gather that no answer waits for. Milliseconds. @default 50 */
  readonly flushMs?: number
  /**
   * Let a thread of its own put records together and write them, where there is more than one core, every sink is a
   * `fileSink` and the clock is the machine's. `false`: the main thread does it. @default true
   */
  readonly worker?: boolean
  /** Keyed hashes replace addresses and users. @default both are recorded as they are, erasably */
  readonly pseudonyms?: PseudonymOptions
  /** Give the guard's, when that has one of its own. @default the machine's clock */
  readonly clock?: Clock
}

type OwnOptions = Omit<AuditTrailOptions, keyof RecordRuleOptions | 'checkpoints' | 'pseudonyms'>

/** Options after validation. */
export interface TrailSettings extends Required<OwnOptions> {
  readonly checkpoints: CheckpointOptions | undefined
  readonly rules: RecordRules
}

const OPTIONS = optionTable('auditTrail', {
  sinks: custom((_, given) => requireDurable(given)),
  checkpoints: custom((_, given) => given as CheckpointOptions | undefined),
  bufferRecords: number({ min: 1, max: 1_000_000, default: 10_000 }),
  deadlineMs: number({ min: 1, max: 60_000, default: 1000 }),
  flushMs: number({ min: 0, max: 10_000, default: 50 }),
  worker: flag(true),
  pseudonyms: PSEUDONYMS,
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
  ...RECORD_RULE_ROWS,
})

/**
 * Validates the options of a trail.
 * @throws {@link Misconfigured}
 */
export function readTrailOptions(options: AuditTrailOptions): TrailSettings {
  const { pseudonyms: pseudonym, clock = systemClock, ...settings } = OPTIONS.read(options)
  return { ...settings, clock, rules: { ...recordRules(settings), pseudonym } }
}

function requireDurable(given: unknown): readonly AuditSink[] {
  const sinks = requireSinks<AuditSink>(given, 'fileSink({ path })')
  if (sinks.some(({ durable }) => durable === true)) return sinks
  throw new Misconfigured('ERR_OPTION_INVALID', 'one of sinks must be durable, such as fileSink({ path })')
}
