import type { SealedMembers } from '../record/chain.ts'
import type { PlacedMembers } from '../record/parse-line.ts'
import type { Finding } from '../verify/check-record.ts'

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
