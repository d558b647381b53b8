import type { SealedMembers } from '../record/chain.ts'
import type { Checkpoint } from '../trail/checkpoint.ts'
import type { FoundRecord } from './find-record.ts'

/** Everything a third party needs to check one record: docs/protocol/audit-record.md tells how. */
export interface EvidenceBundle {
  readonly v: 1
  readonly type: 'evidence'
  readonly sealed: SealedMembers
  readonly outcome: SealedMembers | null
  /** Content hashes of the records behind it, up to the checkpoint; of those records they tell nothing. */
  readonly links: readonly string[]
  readonly checkpoint: Checkpoint | null
}

/** Puts the bundle of a record together. */
export function evidenceBundle({ sealed, outcome, links, checkpoint }: FoundRecord): EvidenceBundle {
  return { v: 1, type: 'evidence', sealed, outcome: outcome ?? null, links, checkpoint: checkpoint ?? null }
}
