import { type Clock, Misconfigured, requireNumber } from '@countermark/core'
import { custom, methods, optionTable, requireObject, systemClock } from '@countermark/core/internal'
import type { AuditRecord } from '../record/audit-record.ts'
import { pruneRecord } from '../record/read-trail.ts'
import { SeqRangeCollector, type SeqRanges } from '../verify/seq-ranges.ts'
import { RECORD_EVENT, type RecordEvent, recordChange, type TrailStore } from './trail-store.ts'

/** How long records are kept. */
export interface PruneOptions {
  /**
   * Days by class of data, such as `{ phi: 2190, '*': 365 }`; `event` stands for events, `*` for every class without a row of
   * its own, no class included. What has no row is kept for ever.
   */
  readonly keepDays: Readonly<Record<string, number>>
  /** Records that it was done: the `event` of a trail. */
  readonly record: RecordEvent
  /** @default the machine's clock */
  readonly clock?: Clock
}

const OPTIONS = optionTable('pruneRecords', {
  keepDays: custom(readKeepDays),
  record: RECORD_EVENT,
  clock: methods<Clock>(['wallMs']),
})

/** What was pruned. */
export interface Pruning {
  readonly records: number
  readonly ranges: SeqRanges
}

/** What says that a trail began, went on and was changed outlives everything else. */
const KEPT_EVENTS: readonly string[] = ['trail_started', 'records_erased', 'records_pruned']
const DAY_MS = 86_400_000

/**
 * Leaves nothing of records past their time but their place, the hash of what they said and their link, so that every chain
 * verifies as before; an event names which ones, and the verifier asks for it. An outcome goes with its decision.
 * @example
 * await pruneRecords(fileStore(files), { keepDays: { phi: 2190, '*': 365 }, record: trail.event })
 * @throws {@link Misconfigured}
 */
export async function pruneRecords(store: TrailStore, options: PruneOptions): Promise<Pruning> {
  const { keepDays, record, clock = systemClock } = OPTIONS.read(options)
  const isOver = createIsOver(keepDays, clock.wallMs())
  const pruned = new SeqRangeCollector()
  const decisions = new Set<string>()
  await store.verify?.()
  await store.change((sealed) => {
    if (!isOver(sealed.record, decisions)) return undefined
    pruned.add(sealed.chain, sealed.seq)
    return pruneRecord(sealed)
  })
  const pruning = { records: pruned.count, ranges: pruned.ranges() }
  if (pruned.count > 0) await recordChange(record, 'records_pruned', pruned, { keepDays })
  return pruning
}

function readKeepDays(name: string, given: unknown): PruneOptions['keepDays'] {
  const keepDays = (given ?? {}) as PruneOptions['keepDays']
  requireObject(name, keepDays)
  for (const [row, days] of Object.entries(keepDays)) requireNumber(`${name}.${row}`, days, { min: 1, max: 36_500 })
  if (Object.keys(keepDays).length > 0) return keepDays
  const message = `${name} needs a row for each class, such as { phi: 2190, '*': 365 }`
  throw new Misconfigured('ERR_OPTION_MISSING', message)
}

function createIsOver(keepDays: PruneOptions['keepDays'], nowMs: number) {
  const isOld = (at: string, dataClass: string): boolean => {
    const days = Object.hasOwn(keepDays, dataClass) ? keepDays[dataClass] : keepDays['*']
    // A time that cannot be read is never over.
    return days !== undefined && Date.parse(at) < nowMs - days * DAY_MS
  }
  return (record: AuditRecord, decisions: Set<string>): boolean => {
    if (record.type === 'outcome') return decisions.delete(record.of)
    if (record.type === 'event') return !KEPT_EVENTS.includes(record.event) && isOld(record.at, 'event')
    if (!isOld(record.at, record.resource.dataClass ?? '*')) return false
    decisions.add(record.id)
    return true
  }
}
