import { canonicalJson } from '@countermark/core'
import type { Anchors } from './anchors.ts'
import type { Checkpoint } from './checkpoint.ts'
import { inWrittenOrder } from './file-order.ts'
import { readLines } from './read-lines.ts'
import { isPruned, parsePlaced } from './retention/pruned-line.ts'
import { contentHash, type SealedMembers } from './seal-record.ts'

/** A record with what belongs to it. */
export interface FoundRecord {
  readonly sealed: SealedMembers
  /** How the request ended, when that is recorded. */
  readonly outcome: SealedMembers | undefined
  /** Content hashes of the records from behind this one to the checkpoint. */
  readonly links: readonly string[]
  /** The first trusted checkpoint at or behind this record. */
  readonly checkpoint: Checkpoint | undefined
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
  let checkpoint: Checkpoint | undefined
  let links: string[] = []
  for (const { path } of await inWrittenOrder(paths)) {
    for await (const { bytes } of readLines(path)) {
      const next = parsePlaced(bytes)
      if (next === undefined) continue
      if (!isPruned(next) && isAskedFor(next, id)) {
        sealed = next
        links = []
        checkpoint = anchors.find(next.chain, next.seq)
      } else if (
        sealed !== undefined &&
        next.chain === sealed.chain &&
        checkpoint === undefined &&
        links.length < MAX_LINKS
      ) {
        links.push(isPruned(next) ? next.content : contentHash(canonicalJson(next.record)))
        checkpoint = anchors.find(next.chain, next.seq)
      }
      if (sealed !== undefined && !isPruned(next) && isOutcomeOf(next, sealed)) outcome = next
    }
  }
  if (sealed === undefined) return undefined
  return { sealed, outcome, links: checkpoint === undefined ? [] : links, checkpoint }
}

function isOutcomeOf({ record }: SealedMembers, { record: decision }: SealedMembers): boolean {
  return record.type === 'outcome' && record.of === decision.id
}

function isAskedFor({ record }: SealedMembers, id: string): boolean {
  return record.id === id || (record.type === 'decision' && record.requestId === id)
}
