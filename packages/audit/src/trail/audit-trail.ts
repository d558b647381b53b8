import type { Decision, Environment, Recorder } from '@countermark/core'
import { isSafeMethod } from '@countermark/core/internal'
import { metricsOfSinks, TRAIL_METRIC_ROWS } from '../metric-rows.ts'
import { type AuditEvent, readEvent } from '../record/audit-event.ts'
import { outcomeRecord } from '../record/outcome-record.ts'
import type { RecordInput } from '../record/record-input.ts'
import { recordedDecision, seeAtOnce, type Withheld } from '../record/recorded-decision.ts'
import { tellOperator } from '../sinks/file/tell-operator.ts'
import { newChainName } from './chain.ts'
import { chooseScribe } from './choose-scribe.ts'
import { createLatestDecisions } from './latest-decisions.ts'
import { whenProcessEnds } from './process-end.ts'
import { type StartThread, threadStarter } from './thread/thread-starter.ts'
import { type AuditTrailOptions, readTrailOptions } from './trail-options.ts'
import { createTrailWriter, type RoomKind, unavailable } from './trail-writer.ts'

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
  return createAuditTrail(options, threadStarter())
}

/** The same with a thread of the caller's choice, or none. */
export function createAuditTrail(options: AuditTrailOptions, startThread: StartThread | undefined): AuditTrail {
  const settings = readTrailOptions(options)
  const { clock, rules } = settings
  let reportTo: Environment['report'] | undefined
  const startedAtMs = clock.wallMs()
  const chain = newChainName(startedAtMs)
  const around = { chain, startedAtMs, startThread, tell: tellOperator }
  const writer = createTrailWriter(
    { ...settings, chain, report: (measurement) => reportTo?.(measurement) },
    (listener) => chooseScribe(settings, around, listener),
  )
  // One outcome for each request: that of the decision that was recorded last.
  const latest = createLatestDecisions()
  const stopWatching = whenProcessEnds({
    idle: writer.flushWhenIdle,
    exit: () => {
      const lost = writer.flushAtExit()
      if (lost > 0) tellOperator(`the process ends before ${lost} records were written; close the trail first`)
    },
  })

  function requireRoom(kind: RoomKind): void {
    if (writer.hasRoom(kind)) return
    reportTo?.(LOST)
    writer.drop()
    throw unavailable('the buffer of records is full', undefined)
  }

  return {
    record: (decision) => {
      const kind = kindOf(decision)
      requireRoom(kind)
      const seen = seeAtOnce(decision.request, rules)
      const write = (id: string): RecordInput => ({ id, decision: recordedDecision(decision, rules, undefined, seen) })
      // What a guard only observes is carried out as well.
      if (decision.outcome === 'deny' || isSafeMethod(decision.request.method)) {
        latest.remember(decision, writer.add(write, kind))
        return undefined
      }
      if (!writer.wouldTry()) {
        const withheld = decision.refusal === undefined ? WITHHELD[decision.mode] : undefined
        writer.add((id) => ({ id, decision: recordedDecision(decision, rules, withheld, seen) }), kind)
        throw unavailable('no sink takes records', undefined)
      }
      const { id, durable } = writer.addAndWait(write, kind)
      latest.remember(decision, id)
      return durable
    },
    finish: (decision, outcome) => {
      const of = latest.take(decision)
      if (of === undefined) return
      const kind = kindOf(decision)
      if (!writer.hasRoom(kind)) reportTo?.(LOST)
      else {
        const atMs = clock.wallMs()
        const route = decision.request.route().template
        writer.add((id) => outcomeRecord(decision, outcome, { id, of, atMs, route }), kind)
      }
    },
    metrics: metricsOfSinks(TRAIL_METRIC_ROWS, [...settings.sinks.map(({ name }) => name), LOST.labels.sink]),
    reportTo: (report) => {
      reportTo ??= report
    },
    event: async (event) => {
      requireRoom('agent')
      await writer.addAndWait(readEvent(event, clock.wallMs(), rules), 'agent').durable
    },
    ready: writer.ready,
    flush: writer.flush,
    close: () => writer.close().finally(stopWatching),
  }
}

/** Unknown callers can ask as often as they like, so they share a part of the room. */
function kindOf({ facts }: Decision): RoomKind {
  return facts.agent === undefined ? 'stranger' : 'agent'
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
  enforce: { ...NOT_RECORDED, outcome: 'deny' },
  observe: { ...NOT_RECORDED, outcome: 'observe' },
}
