import {
  type AgentRequest,
  type Clock,
  Misconfigured,
  requireKnownOptions,
  requireMethods,
  requireNumber,
  systemClock,
} from '@countermark/core'
import type { AuditSink } from './audit-sink.ts'
import type { CheckpointOptions } from './checkpoints.ts'
import type { RecordRules } from './decision-record.ts'
import { SECRET_PARAMETERS, secretParameters } from './secret-parameters.ts'
import type { TrailWriterOptions } from './trail-writer.ts'

/** Options of {@link auditTrail}. */
export interface AuditTrailOptions {
  /** Where records go. One must succeed; two in separate failure domains are better. */
  readonly sinks: readonly AuditSink[]
  /** Signs the end of the chain now and then. @default nothing is anchored: whoever can write the trail can rewrite it */
  readonly checkpoints?: CheckpointOptions
  /** Most records that no sink has yet, and most that wait for a sink that fails. @default 10_000 */
  readonly bufferRecords?: number
  /** What a sink may take for one batch. Milliseconds. @default 1000 */
  readonly deadlineMs?: number
  /** How long records may gather that no answer waits for. Milliseconds. @default 50 */
  readonly flushMs?: number
  /** Query parameters whose values are credentials. @default {@link SECRET_PARAMETERS} */
  readonly secretParameters?: readonly string[]
  /** The field in which an agent says what it is about to do. @default 'agent-intent' */
  readonly intentHeader?: string
  /** The field in which it says which of its instances it is. @default 'agent-instance' */
  readonly instanceHeader?: string
  /** @default the trace id of `traceparent` */
  readonly traceId?: (request: AgentRequest) => string | undefined
  /** Class of the data behind a request, for retention and reports. @default none */
  readonly dataClass?: (request: AgentRequest) => string | undefined
  /** Give the guard's, when that has one of its own. @default the machine's clock */
  readonly clock?: Clock
}

/** Options after validation. */
export interface TrailSettings {
  readonly writing: Omit<TrailWriterOptions, 'report'>
  readonly rules: RecordRules
}

const KNOWN: readonly (keyof AuditTrailOptions)[] = [
  ...(['sinks', 'checkpoints', 'bufferRecords', 'deadlineMs', 'flushMs', 'secretParameters'] as const),
  ...(['intentHeader', 'instanceHeader', 'traceId', 'dataClass', 'clock'] as const),
]

/**
 * Validates the options of a trail.
 * @throws {@link Misconfigured}
 */
export function readTrailOptions(options: AuditTrailOptions): TrailSettings {
  requireKnownOptions('auditTrail', options, KNOWN)
  const { bufferRecords = 10_000, deadlineMs = 1000, flushMs = 50, clock = systemClock } = options
  const { intentHeader = 'agent-intent', instanceHeader = 'agent-instance' } = options
  return {
    writing: {
      sinks: requireSinks(options.sinks),
      checkpoints: options.checkpoints,
      bufferRecords: requireNumber('bufferRecords', bufferRecords, { min: 1, max: 1_000_000 }),
      deadlineMs: requireNumber('deadlineMs', deadlineMs, { min: 1, max: 60_000 }),
      flushMs: requireNumber('flushMs', flushMs, { min: 0, max: 10_000 }),
      clock: requireMethods('clock', clock, ['wallMs', 'monotonicMs']),
    },
    rules: {
      secrets: secretParameters(options.secretParameters ?? SECRET_PARAMETERS),
      intentHeader: requireField('intentHeader', intentHeader),
      instanceHeader: requireField('instanceHeader', instanceHeader),
      traceIdOf: requireFunction('traceId', options.traceId ?? traceIdOf),
      dataClassOf: requireFunction('dataClass', options.dataClass ?? (() => undefined)),
    },
  }
}

function requireSinks(sinks: readonly AuditSink[]): readonly AuditSink[] {
  if (!Array.isArray(sinks) || sinks.length === 0) {
    throw new Misconfigured('ERR_OPTION_MISSING', 'sinks must list at least one, such as fileSink({ path })')
  }
  for (const sink of sinks) {
    requireMethods('each of sinks', sink, ['append'])
    if (typeof sink.name === 'string' && /^[a-z][a-z0-9_-]*$/.test(sink.name)) continue
    throw new Misconfigured('ERR_OPTION_INVALID', 'each of sinks must have a name such as file')
  }
  if (sinks.some(({ durable }) => durable === true)) return [...sinks]
  throw new Misconfigured('ERR_OPTION_INVALID', 'one of sinks must be durable, such as fileSink({ path })')
}

function requireField(option: string, name: string): string {
  if (typeof name === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return name.toLowerCase()
  throw new Misconfigured('ERR_OPTION_INVALID', `${option} must be the name of a header field`)
}

function requireFunction<Reader>(option: string, read: Reader): Reader {
  if (typeof read === 'function') return read
  throw new Misconfigured('ERR_OPTION_INVALID', `${option} must be a function`)
}

/** W3C Trace Context section 3.2: version, trace id, parent id, flags; a trace id of zeros is none. */
function traceIdOf({ headers }: AgentRequest): string | undefined {
  const [, traceId] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers.only('traceparent') ?? '') ?? []
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId
}
