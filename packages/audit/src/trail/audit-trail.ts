import type { Decision, Environment, Recorder } from '@countermark/core'
import { isSafeMethod, type Outcome } from '@countermark/core/internal'
import { metricsOfSinks, TRAIL_METRICS } from '../metric-rows.ts'
import { newChainName } from '../record/chain.ts'
import { readDecision, seeAtOnce, type Withheld } from '../record/read-decision.ts'
import { type AuditEvent, type RecordInput, readEvent, writeOutcome } from '../record/write-record.ts'
import { fileSettingsOf, tellMissingFolder } from '../sinks/file/file-sink.ts'
import { type TellOperator, tellOperator } from '../sinks/file/file-system.ts'
import { RecordBuffer, type RoomKind, unavailable } from './record-buffer.ts'
import { LocalWriter, type RecordWriter, type WriterListener, type WriterOptions } from './record-writer.ts'
import { isRehearsal } from './rehearsal.ts'
import { type StartThread, threadStarter } from './thread/thread-line.ts'
import { ThreadWriter } from './thread/thread-writer.ts'
import { type AuditTrailOptions, readTrailOptions, type TrailSettings } from './trail-options.ts'

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
 * const guard = createGuard({ origins: ['api.example.com'], recorder: trail })
 * @throws Misconfigured
 */
export function auditTrail(options: AuditTrailOptions): AuditTrail {
  return createAuditTrail(options, threadStarter())
}

/** The same with a thread of the caller's choice, or none. */
export function createAuditTrail(options: AuditTrailOptions, startThread: StartThread | undefined): AuditTrail {
  const settings = readTrailOptions(options)
  if (isRehearsal()) return SILENT
  const recorder = new TrailRecorder(settings, startThread)
  return {
    record: (decision) => recorder.record(decision),
    finish: (decision, outcome) => recorder.finish(decision, outcome),
    metrics: recorder.metrics,
    reportTo: (report) => recorder.reportTo(report),
    event: (event) => recorder.event(event),
    ready: () => recorder.buffer.ready(),
    flush: () => recorder.buffer.flush(),
    close: () => recorder.close(),
  }
}

const nothing = async (): Promise<void> => undefined

/** Lets every request pass and keeps no record of it. */
const SILENT: AuditTrail = { record: () => undefined, event: nothing, ready: nothing, flush: nothing, close: nothing }

interface Latest {
  readonly decision: Decision
  readonly id: string
}

/** Requests under way at once; more than a process can serve. */
const MAX_REQUESTS = 100_000

class TrailRecorder {
  readonly metrics: NonNullable<Recorder['metrics']>
  readonly buffer: RecordBuffer
  private readonly settings: TrailSettings
  /** By request id: a weak map by request would cost the garbage collector more than all the rest of a record. */
  private readonly latest = new Map<string, Latest>()
  private readonly stopWatching: () => void
  private report: Environment['report'] | undefined

  constructor(settings: TrailSettings, startThread: StartThread | undefined) {
    this.settings = settings
    const startedAtMs = settings.clock.wallMs()
    const chain = newChainName(startedAtMs)
    const around = { chain, startedAtMs, startThread, tell: tellOperator }
    this.buffer = new RecordBuffer(
      { ...settings, chain, report: (measurement) => this.report?.(measurement) },
      (listener) => chooseWriter(settings, around, listener),
    )
    this.metrics = metricsOfSinks(TRAIL_METRICS.rows, [...settings.sinks.map(({ name }) => name), NO_SINK])
    this.stopWatching = whenProcessEnds({ idle: () => this.buffer.flushWhenIdle(), exit: () => this.exit() })
  }

  record(decision: Decision): Promise<void> | undefined {
    const { rules } = this.settings
    const kind = kindOf(decision)
    this.requireRoom(kind)
    const seen = seeAtOnce(decision.request, rules)
    const write = (id: string): RecordInput => ({ id, decision: readDecision(decision, rules, undefined, seen) })
    // What a guard only observes is carried out as well.
    if (decision.outcome === 'deny' || isSafeMethod(decision.request.method)) {
      this.remember(decision, this.buffer.add(write, kind))
      return undefined
    }
    if (!this.buffer.wouldTry()) {
      const withheld = decision.refusal === undefined ? WITHHELD[decision.mode] : undefined
      this.buffer.add((id) => ({ id, decision: readDecision(decision, rules, withheld, seen) }), kind)
      throw unavailable('no sink takes records', undefined)
    }
    const { id, durable } = this.buffer.addAndWait(write, kind)
    this.remember(decision, id)
    return durable
  }

  /** One outcome for each request: that of the decision that was recorded last. */
  finish(decision: Decision, outcome: Outcome): void {
    const latest = this.latest.get(decision.requestId)
    if (latest?.decision !== decision) return
    this.latest.delete(decision.requestId)
    const kind = kindOf(decision)
    if (!this.buffer.hasRoom(kind)) {
      this.report?.(LOST)
      return
    }
    const atMs = this.settings.clock.wallMs()
    const route = decision.request.route().template
    this.buffer.add((id) => writeOutcome(decision, outcome, { id, of: latest.id, atMs, route }), kind)
  }

  async event(event: AuditEvent): Promise<void> {
    this.requireRoom('agent')
    const { clock, rules } = this.settings
    await this.buffer.addAndWait(readEvent(event, clock.wallMs(), rules), 'agent').durable
  }

  reportTo(report: Environment['report']): void {
    // What would refuse every unsafe request is told when a guard begins to use the trail, not with the first one.
    if (this.report === undefined) this.settings.sinks.forEach(tellMissingFolder)
    this.report ??= report
  }

  close(): Promise<void> {
    return this.buffer.close().finally(this.stopWatching)
  }

  private requireRoom(kind: RoomKind): void {
    if (this.buffer.hasRoom(kind)) return
    this.report?.(LOST)
    this.buffer.drop()
    throw unavailable('the buffer of records is full', undefined)
  }

  private remember(decision: Decision, id: string): void {
    this.latest.set(decision.requestId, { decision, id })
    if (this.latest.size <= MAX_REQUESTS) return
    const [oldest] = this.latest.keys()
    if (oldest !== undefined) this.latest.delete(oldest)
  }

  private exit(): void {
    const lost = this.buffer.flushAtExit()
    if (lost > 0) tellOperator(`the process ends before ${lost} records were written; close the trail first`)
  }
}

/** Unknown callers can ask as often as they like, so they share a part of the room. */
function kindOf({ facts }: Decision): RoomKind {
  return facts.agent === undefined ? 'unknown' : 'agent'
}

const NO_SINK = 'none'
const LOST = TRAIL_METRICS.measure('audit_records_total', 1, { sink: NO_SINK, result: 'dropped' })

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

/** What a trail knows besides its settings when it chooses. */
export interface WriterSurroundings extends Pick<WriterOptions, 'chain' | 'startedAtMs'> {
  readonly startThread: StartThread | undefined
  readonly tell: TellOperator
}

/** A writer in a thread of its own where all it needs can be sent there: files alone. Otherwise in this one. */
export function chooseWriter(
  settings: TrailSettings,
  { chain, startedAtMs, startThread, tell }: WriterSurroundings,
  listener: WriterListener,
): RecordWriter {
  const { sinks, bufferRecords, deadlineMs, clock, rules, worker } = settings
  const shared = { chain, startedAtMs, bufferRecords, deadlineMs, clock }
  const inPlace = (): RecordWriter => new LocalWriter({ ...shared, sinks, mask: rules.mask }, listener)
  const given = sinks.map(fileSettingsOf)
  if (!worker || startThread === undefined || !given.every((each) => each !== undefined)) return inPlace()
  const files = given.map(({ path, fsync, maxBytes, daily, writer }) => ({ path, fsync, maxBytes, daily, writer }))
  const { secretNames } = rules
  const rotated = (file: number, path: string): void => given[file]?.onRotated(path)
  return new ThreadWriter({ ...shared, files, secretNames, startThread, rotated, tell, inPlace }, listener)
}

/** What has to be done when a process ends. */
export interface Ending {
  /** Nothing is left to do: work that is begun now is still waited for. */
  readonly idle: () => void
  /** The last moment: nothing is waited for any more. */
  readonly exit: () => void
}

const endings = new Set<Ending>()

/** Registers what has to be done. One listener for all: Node warns of more than ten. Answers with what takes it back. */
export function whenProcessEnds(ending: Ending): () => void {
  if (endings.size === 0) process.on('beforeExit', idle).on('exit', exit)
  endings.add(ending)
  return () => {
    endings.delete(ending)
    if (endings.size === 0) process.off('beforeExit', idle).off('exit', exit)
  }
}

function idle(): void {
  for (const ending of endings) ending.idle()
}

function exit(): void {
  for (const ending of endings) ending.exit()
}
