import { linkHash, type SealedMembers } from '../record/chain.ts'
import {
  contentOf,
  inWrittenOrder,
  isPruned,
  type PlacedMembers,
  parsePlaced,
  readLines,
} from '../record/read-trail.ts'
import type { Checkpoint } from '../trail/checkpoint.ts'
import type { Anchors } from './anchors.ts'
import {
  altered,
  checkProof,
  checkRecord,
  createEvidenceCheck,
  type EvidenceState,
  type Finding,
} from './check-record.ts'

/** A record with what belongs to it. */
export interface FoundRecord {
  readonly sealed: SealedMembers
  /** How the request ended, when that is recorded. */
  readonly outcome: SealedMembers | undefined
  /** Content hashes of the records from behind this one to the checkpoint; of those records they tell nothing. */
  readonly links: readonly string[]
  /** The first trusted checkpoint at or behind this record, if the records up to there lead to it. */
  readonly checkpoint: Checkpoint | undefined
  readonly evidence: EvidenceState
  /** What is wrong with this record or with what leads to its checkpoint. */
  readonly findings: readonly Finding[]
}

/** Everything a third party needs to check one record: docs/protocol/audit-record.md tells how. */
export interface EvidenceBundle extends Pick<FoundRecord, 'sealed' | 'links'> {
  readonly v: 1
  readonly type: 'evidence'
  readonly outcome: SealedMembers | null
  readonly checkpoint: Checkpoint | null
}

/** Puts the bundle of a record together. */
export function evidenceBundle({ sealed, outcome, links, checkpoint }: FoundRecord): EvidenceBundle {
  return { v: 1, type: 'evidence', sealed, outcome: outcome ?? null, links, checkpoint: checkpoint ?? null }
}

/** Looks for a record by its id, or for the last decision of a request by its request id. @throws what the file system throws */
export async function findRecord(
  paths: readonly string[],
  id: string,
  anchors: Anchors,
): Promise<FoundRecord | undefined> {
  let path: AnchoredPath | undefined
  for (const { path: file } of await inWrittenOrder(paths)) {
    for await (const { bytes } of readLines(file)) {
      const next = parsePlaced(bytes)
      if (next === undefined) continue
      if (!isPruned(next) && isAskedFor(next, id)) path = new AnchoredPath(next, anchors)
      else path?.add(next)
    }
  }
  return path?.found()
}

const MAX_LINKS = 100_000

/** The way from a record to its checkpoint, with its outcome when that comes by. */
class AnchoredPath {
  private readonly sealed: SealedMembers
  private readonly anchors: Anchors
  private readonly links: string[] = []
  private outcome: SealedMembers | undefined
  private last: number
  private lastHash: string
  private checkpoint: Checkpoint | undefined

  constructor(sealed: SealedMembers, anchors: Anchors) {
    this.sealed = sealed
    this.anchors = anchors
    this.last = sealed.seq
    this.lastHash = sealed.hash
    this.checkpoint = anchors.find(sealed.chain, sealed.seq)
  }

  add(next: PlacedMembers): void {
    const { chain } = this.sealed
    if (!isPruned(next) && isOutcomeOf(next, this.sealed)) this.outcome = next
    if (next.chain !== chain || this.checkpoint !== undefined || this.links.length === MAX_LINKS) return
    const content = contentOf(next)
    this.links.push(content)
    this.lastHash = linkHash({ chain, seq: this.last + 1, previous: this.lastHash, content })
    this.last += 1
    this.checkpoint = this.anchors.find(chain, next.seq)
  }

  found(): FoundRecord {
    const { sealed, outcome, checkpoint } = this
    const evidence = createEvidenceCheck()(sealed)
    const findings = [...checkRecord(sealed), ...checkProof(sealed, evidence)]
    const isReached = checkpoint?.seq === this.last && checkpoint.hash === this.lastHash
    if (isReached) return { sealed, outcome, evidence, findings, links: this.links, checkpoint }
    if (checkpoint !== undefined) {
      findings.push(altered(sealed, `does not lead to the checkpoint of ${checkpoint.at}`))
    }
    return { sealed, outcome, evidence, findings, links: [], checkpoint: undefined }
  }
}

function isOutcomeOf(sealed: SealedMembers, { record: decision }: SealedMembers): boolean {
  const { record } = sealed
  if (decision.type !== 'decision' || record.type !== 'outcome') return false
  if (record.of !== decision.id || record.requestId !== decision.requestId) return false
  return checkRecord(sealed).length === 0
}

function isAskedFor({ record }: SealedMembers, id: string): boolean {
  return record.id === id || (record.type === 'decision' && record.requestId === id)
}
