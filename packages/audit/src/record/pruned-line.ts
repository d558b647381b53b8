import { isUtf8 } from 'node:buffer'
import { canonicalJson } from '@countermark/core/internal'
import { MAX_LINE_BYTES, parseLine } from './parse-line.ts'
import { contentHash, linkHash, type SealedMembers } from './seal-record.ts'

/** What is left of a record that was pruned: its place in the chain, and the hash of what it said. */
export interface PrunedMembers {
  readonly chain: string
  readonly seq: number
  readonly previous: string
  readonly hash: string
  /** SHA-256, base64url, of the record's canonical JSON: the link is still computed from it. */
  readonly content: string
}

/** Whether only the place of a record is left. */
export function isPruned(placed: SealedMembers | PrunedMembers): placed is PrunedMembers {
  return 'content' in placed
}

/** Takes everything but its place from a record. */
export function pruneRecord({ chain, seq, previous, hash, record }: SealedMembers): PrunedMembers {
  return { chain, seq, previous, hash, content: contentHash(canonicalJson(record)) }
}

/** The line of a pruned record. */
export function prunedLine({ chain, seq, previous, hash, content }: PrunedMembers): string {
  return canonicalJson({ chain, seq, previous, hash, content })
}

/** Whether a pruned record stands where its hash says. */
export function hasOwnHash({ chain, seq, previous, hash, content }: PrunedMembers): boolean {
  return linkHash({ chain, seq, previous, content }) === hash
}

/** Reads a line of a trail, whole or pruned. `undefined` unless it is, byte for byte, what is written for what it says. */
export function parsePlaced(bytes: Buffer): SealedMembers | PrunedMembers | undefined {
  return parseLine(bytes) ?? parsePruned(bytes)
}

function parsePruned(bytes: Buffer): PrunedMembers | undefined {
  if (bytes.length > MAX_LINE_BYTES || !isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  try {
    const { chain, seq, previous, hash, content }: Readonly<Record<string, unknown>> = { ...JSON.parse(text) }
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return undefined
    if (typeof chain !== 'string' || typeof previous !== 'string') return undefined
    if (typeof hash !== 'string' || typeof content !== 'string') return undefined
    const pruned = { chain, seq, previous, hash, content }
    return prunedLine(pruned) === text ? pruned : undefined
  } catch {
    // No JSON: no line of ours.
    return undefined
  }
}
