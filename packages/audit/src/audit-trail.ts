import { canonicalJson, type Decision, type Environment, isSafeMethod, type Recorder } from '@countermark/core'
import { AUDIT_SCHEMA_VERSION, type EventRecord } from './audit-record.ts'
import { type AuditTrailOptions, readTrailOptions } from './audit-trail-options.ts'
import { bounded, escapeLine, MAX_TEXT } from './bounded-text.ts'
import { commitTo } from './commitment.ts'
import { decisionRecord, seeAtOnce, type Withheld } from './decision-record.ts'
import { createLatestDecisions } from './latest-decisions.ts'
import { metricsOfSinks, TRAIL_METRIC_ROWS } from './metric-rows.ts'
import { outcomeRecord } from './outcome-record.ts'
import type { UnsealedRecord } from './seal-record.ts'
import { createTrailWriter, unavailable } from './trail-writer.ts'

/** Administration, delegation and whatever else happens beside requests. */
export interface AuditEvent {
  /** A closed word in snake case, such as `token_issued`. */
  readonly event: string
  /** What JSON can say, and no secret. @default {} */
  readonly details?: Readonly<Record<string, unknown>>
  /** Values by name that may have to be erased, such as `user`. @default {} */
  readonly private?: Readonly<Record<string, string>>
}

/** A guard's recorder: `createGuard({ recorder: trail })`. */
export interface AuditTrail extends Recorder {
  /** Records what no guard decides. Answers once a sink has it. @throws Unavailable `audit_unavailable` */
  readonly event: (event: AuditEvent) => Promise<void>
  /** Opens every sink. Call it before the first request: a trail that cannot be written should stop the start. */
  readonly ready: () => Promise<void>
  /** Writes and anchors everything recorded so far. @throws Unavailable `audit_unavailable` when no sink has all of it */
  readonly flush: () => Promise<void>
  /** Flushes and lets go of sinks and anchors. */
  readonly close: () => Promise<void>
}

/**
 * Records each decision, allowed or refused, with its evidence, in a hash chain. An unsafe request is answered once a sink has
 * its record, a safe one as long as there is room to keep it for later.
 * @example
 * const trail = auditTrail({ sinks: [fileSink({ path: '/var/log/app/audit.ndjson' })] })
 * await trail.ready()
 * const guard = createGuard({ authorities: ['api.example.com'], recorder: trail })
 * @throws Misconfigured
 */
export function auditTrail(options: AuditTrailOptions): AuditTrail {
  const { writing, rules } = readTrailOptions(options)
  const { clock } = writing
  let reportTo: Environment['report'] | undefined
  const writer = createTrailWriter({ ...writing, report: (measurement) => reportTo?.(measurement) })
  // One outcome for each request: that of the decision that was recorded last.
  const latest = createLatestDecisions()

  function requireRoom(): void {
    if (writer.hasRoom()) return
    reportTo?.(LOST)
    throw unavailable('the buffer of records is full', undefined)
  }

  return {
    record: (decision) => {
      requireRoom()
      const seen = seeAtOnce(decision.request, rules)
      const write = (id: string): UnsealedRecord => decisionRecord(decision, id, rules, undefined, seen)
      // What a guard only observes is carried out as well.
      if (decision.outcome === 'deny' || isSafeMethod(decision.request.method)) {
        latest.remember(decision, writer.add(write))
        return undefined
      }
      if (!writer.wouldTry()) {
        const withheld = decision.refusal === undefined ? WITHHELD[decision.mode] : undefined
        writer.add((id) => decisionRecord(decision, id, rules, withheld, seen))
        throw unavailable('no sink takes records', undefined)
      }
      const { id, durable } = writer.addAndWait(write)
      latest.remember(decision, id)
      return durable
    },
    finish: (decision, outcome) => {
      const of = latest.take(decision)
      if (of === undefined) return
      if (!writer.hasRoom()) reportTo?.(LOST)
      else {
        const atMs = clock.wallMs()
        const route = decision.request.route().template
        writer.add((id) => outcomeRecord(decision, outcome, { id, of, atMs, route }))
      }
    },
    metrics: metricsOfSinks(TRAIL_METRIC_ROWS, [...writing.sinks.map(({ name }) => name), LOST.labels.sink]),
    reportTo: (report) => {
      reportTo ??= report
    },
    event: async (event) => {
      requireRoom()
      const record = eventRecord(event, clock.wallMs())
      await writer.addAndWait((id) => ({ ...record, record: { ...record.record, id } })).durable
    },
    ready: writer.ready,
    flush: writer.flush,
    close: writer.close,
  }
}

const LOST = {
  name: 'audit_records_total',
  kind: 'counter',
  value: 1,
  labels: { sink: 'none', result: 'dropped' },
} as const

const NOT_RECORDED = {
  check: 'recorder',
  code: 'audit_unavailable',
  status: 503,
  reason: 'the decision could not be recorded',
} as const

/** What becomes of an unsafe request that cannot be recorded, by the mode of its guard. */
const WITHHELD: Readonly<Record<Decision['mode'], Withheld>> = {
  enforce: { ...NOT_RECORDED, decision: 'deny' },
  observe: { ...NOT_RECORDED, decision: 'observe' },
}

function eventRecord({ event, details = {}, private: values = {} }: AuditEvent, atMs: number) {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(event)) throw new TypeError('an event is named by a word in snake case')
  const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
  const text = canonicalJson(details)
  if (Buffer.byteLength(escapeLine(text)) > MAX_TEXT.details) {
    throw new TypeError(`details of an event have at most ${MAX_TEXT.details} bytes`)
  }
  const committed = commitTo(Object.fromEntries(sorted.map(([name, value]) => [name, bounded(value, MAX_TEXT.target)])))
  const record: Omit<EventRecord, 'id'> = {
    v: AUDIT_SCHEMA_VERSION,
    type: 'event',
    at: new Date(atMs).toISOString(),
    event,
    details: JSON.parse(text),
    commitments: committed.commitments,
  }
  return { record, private: committed.private }
}
