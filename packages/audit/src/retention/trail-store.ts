import { Misconfigured } from '@countermark/core'
import { custom, type OptionReader } from '@countermark/core/internal'
import type { SealedMembers } from '../record/chain.ts'
import type { PlacedMembers } from '../record/read-trail.ts'
import type { AuditEvent } from '../record/write-record.ts'
import type { Finding } from '../verify/check-record.ts'
import { type SeqRangeCollector, splitRanges } from '../verify/seq-ranges.ts'

/** What becomes of a record: nothing, or another line in the same place. */
export type ChangeRecord = (sealed: SealedMembers) => PlacedMembers | undefined

/** A trail at rest whose lines can be changed where they stand. Places and hashes stay. */
export interface TrailStore {
  /** Verifies the whole trail, before anything in it is changed. @throws TamperedTrail */
  readonly verify?: () => Promise<void>
  /** Shows every whole record once, in the order of its chain. All changes are durable when it resolves. */
  readonly change: (change: ChangeRecord) => Promise<void>
}

/** A trail is changed only while it is as it was written: otherwise a change would cover up another. */
export class TamperedTrail extends Error {
  /** Tells this error apart. */
  override readonly name = 'TamperedTrail'
  /** The first findings of its verification. */
  readonly findings: readonly Finding[]

  constructor(findings: readonly Finding[]) {
    super('the trail is not as it was written, so nothing in it was changed: run verify')
    this.findings = findings
  }
}

/** @throws TamperedTrail when there is a finding */
export function refuseTampered(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new TamperedTrail(findings)
}

/** Writes that something was done to a trail: the `event` of a trail. */
export type RecordEvent = (event: AuditEvent) => Promise<void>

/** How a {@link RecordEvent} is read among options. */
export const RECORD_EVENT: OptionReader<RecordEvent> = custom((name, given, owner) => {
  if (typeof given === 'function') return given as RecordEvent
  throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs ${name}, such as the event of the trail`)
})

/** Records what was done to which places, in as many events as they need. */
export async function recordChange(
  record: RecordEvent,
  event: string,
  changed: SeqRangeCollector,
  more: AuditEvent['details'] = {},
): Promise<void> {
  for (const ranges of splitRanges(changed.ranges())) {
    await record({ event, details: { records: changed.count, ranges, ...more } })
  }
}
