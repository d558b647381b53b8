import { canonicalJson } from '@countermark/core/internal'
import { contentHash, linkHash, type SealedMembers } from '../record/chain.ts'
import { isPruned, type PrunedMembers, parsePlaced } from '../record/parse-line.ts'
import { inWrittenOrder, readLines } from '../record/trail-files.ts'
import type { Checkpoint } from '../trail/checkpoint.ts'
import type { Anchors } from './anchors.ts'
import { checkProof, checkRecord, type Finding } from './check-record.ts'
import { createEvidenceCheck, type EvidenceState } from './evidence-check.ts'

/** A record with what belongs to it. */
export interface FoundRecord {
  readonly sealed: SealedMembers
  /** How the request ended, when that is recorded. */
  readonly outcome: SealedMembers | undefined
  /** Content hashes of the records from behind this one to the checkpoint. */
  readonly links: readonly string[]
  /** The first trusted checkpoint at or behind this record, if the records up to there lead to it. */
  readonly checkpoint: Checkpoint | undefined
  readonly evidence: EvidenceState
  /** What is wrong with this record or with what leads to its checkpoint. */
  readonly findings: readonly Finding[]
}

const MAX_LINKS = 100_000

/** Looks for a record by its id, or for the last decision of a request by its request id. @throws what the file system throws */
export async function findRecord(
  paths: readonly string[],
  id: string,
  anchors: Anchors,
): Promise<FoundRecord | undefined> {
  let sealed: SealedMembers | undefined
  let outcome: SealedMembers | undefined
  let path: AnchoredPath | undefined
  for (const { path: file } of await inWrittenOrder(paths)) {
    for await (const { bytes } of readLines(file)) {
      const next = parsePlaced(bytes)
      if (next === undefined) continue
      if (!isPruned(next) && isAskedFor(next, id)) {
        sealed = next
        outcome = undefined
        path = createPath(next, anchors)
      } else {
        path?.add(next)
        if (sealed !== undefined && !isPruned(next) && isOutcomeOf(next, sealed)) outcome = next
      }
    }
  }
  if (sealed === undefined || path === undefined) return undefined
  const evidence = createEvidenceCheck()(sealed)
  const found = path.found()
  const own = [...checkRecord(sealed), ...checkProof(sealed, evidence)]
  return { sealed, outcome, evidence, ...found, findings: [...own, ...found.findings] }
}

/** The way from a record to its checkpoint. */
interface AnchoredPath {
  readonly add: (next: SealedMembers | PrunedMembers) => void
  readonly found: () => Pick<FoundRecord, 'links' | 'checkpoint' | 'findings'>
}

function createPath({ chain, seq, hash: own }: SealedMembers, anchors: Anchors): AnchoredPath {
  const links: string[] = []
  let [last, lastHash] = [seq, own]
  let checkpoint = anchors.find(chain, seq)
  return {
    add: (next) => {
      if (next.chain !== chain || checkpoint !== undefined || links.length === MAX_LINKS) return
      const content = isPruned(next) ? next.content : contentHash(canonicalJson(next.record))
      links.push(content)
      lastHash = linkHash({ chain, seq: last + 1, previous: lastHash, content })
      last += 1
      checkpoint = anchors.find(chain, next.seq)
    },
    found: () => {
      if (checkpoint === undefined) return { links: [], checkpoint, findings: [] }
      if (checkpoint.seq === last && checkpoint.hash === lastHash) return { links, checkpoint, findings: [] }
      const message = `record ${seq} of chain ${chain} does not lead to the checkpoint of ${checkpoint.at}`
      return { links: [], checkpoint: undefined, findings: [{ kind: 'altered', message }] }
    },
  }
}

function isOutcomeOf(sealed: SealedMembers, { record: decision }: SealedMembers): boolean {
  const { record } = sealed
  if (decision.type !== 'decision') return false
  if (record.type !== 'outcome' || record.of !== decision.id || record.requestId !== decision.requestId) return false
  return checkRecord(sealed).length === 0
}

function isAskedFor({ record }: SealedMembers, id: string): boolean {
  return record.id === id || (record.type === 'decision' && record.requestId === id)
}
