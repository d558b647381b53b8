import type { SealedMembers } from '../record/chain.ts'
import type { PrunedMembers } from '../record/parse-line.ts'

/** What becomes of a record: nothing, or another line in the same place. */
export type ChangeRecord = (sealed: SealedMembers) => SealedMembers | PrunedMembers | undefined

/** A trail at rest whose lines can be changed where they stand. Places and hashes stay. */
export interface TrailStore {
  /** Verifies the whole trail, before anything in it is changed. @throws TamperedTrail */
  readonly verify?: () => Promise<void>
  /** Shows every whole record once, in the order of its chain. All changes are durable when it resolves. */
  readonly change: (change: ChangeRecord) => Promise<void>
}
