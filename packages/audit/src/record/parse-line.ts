import { isUtf8 } from 'node:buffer'
import { canonicalJson, isJsonObject } from '@countermark/core/internal'
import type { AuditRecord, PrivateValue } from './audit-record.ts'
import { escapeLine } from './bounded-text.ts'
import { contentHash, lineOf, linkHash, type SealedMembers } from './chain.ts'
import { isAuditRecord } from './record-shape.ts'

/** Longest line that is read. Bytes. */
export const MAX_LINE_BYTES = 1_048_576

/** What is left of a record that was pruned: its place in the chain, and the hash of what it said. */
export interface PrunedMembers {
  readonly chain: string
  readonly seq: number
  readonly previous: string
  readonly hash: string
  /** SHA-256, base64url, of the record's canonical JSON: the link is still computed from it. */
  readonly content: string
}

/** What a line holds: a record, or the place of one. */
export type PlacedMembers = SealedMembers | PrunedMembers

/** Whether only the place of a record is left. */
export function isPruned(placed: PlacedMembers): placed is PrunedMembers {
  return 'content' in placed
}

/** Takes everything but its place from a record. */
export function pruneRecord(sealed: SealedMembers): PrunedMembers {
  const { chain, seq, previous, hash } = sealed
  return { chain, seq, previous, hash, content: contentOf(sealed) }
}

/** The line of a record or of its place. */
export function placedLine(placed: PlacedMembers): string {
  return isPruned(placed) ? prunedLine(placed) : lineOf(placed)
}

function prunedLine({ chain, seq, previous, hash, content }: PrunedMembers): string {
  return canonicalJson({ chain, seq, previous, hash, content })
}

/** Commitments to erasable values, by name. An outcome has none. */
export function commitmentsOf(record: AuditRecord): Readonly<Record<string, string>> {
  return record.type === 'outcome' ? {} : record.commitments
}

/** The content hash of a record, kept when it was pruned. */
export function contentOf(placed: PlacedMembers): string {
  return isPruned(placed) ? placed.content : contentHash(canonicalJson(placed.record))
}

/** The hash that a record must have in its place. */
export function hashInPlace(placed: PlacedMembers): string {
  const { chain, seq, previous } = placed
  return linkHash({ chain, seq, previous, content: contentOf(placed) })
}

/**
 * Reads a line of a trail, whole or pruned. `undefined` unless it is, byte for byte, what a trail writes for what it says: a
 * member more, a blank more or another spelling of the same string was not written by a trail.
 */
export function parsePlaced(bytes: Buffer): PlacedMembers | undefined {
  if (bytes.length > MAX_LINE_BYTES || !isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    const placed = toPlaced(value)
    if (placed === undefined) return undefined
    return isPlainlyCanonical(text, value) || placedLine(placed) === text ? placed : undefined
  } catch {
    // Neither JSON nor something that canonical JSON can say.
    return undefined
  }
}

/** The same for a whole record. */
export function parseLine(bytes: Buffer): SealedMembers | undefined {
  const placed = parsePlaced(bytes)
  return placed === undefined || isPruned(placed) ? undefined : placed
}

const PRUNED_MEMBERS = 5
const SEALED_MEMBERS = 6

function toPlaced(value: unknown): PlacedMembers | undefined {
  if (!isJsonObject(value)) return undefined
  const { chain, seq, previous, hash, content, record, private: values } = value
  if (typeof chain !== 'string' || typeof previous !== 'string' || typeof hash !== 'string') return undefined
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return undefined
  const place = { chain, seq, previous, hash }
  const count = Object.keys(value).length
  if (typeof content === 'string') return count === PRUNED_MEMBERS ? { ...place, content } : undefined
  if (count !== SEALED_MEMBERS || !isAuditRecord(record) || !isPrivate(values)) return undefined
  return { ...place, record, private: values }
}

function isPrivate(value: unknown): value is Readonly<Record<string, PrivateValue>> {
  return isJsonObject(value) && Object.values(value).every(isPrivateValue)
}

function isPrivateValue(value: unknown): value is PrivateValue {
  if (!isJsonObject(value) || Object.keys(value).length !== 2) return false
  return typeof value['salt'] === 'string' && typeof value['value'] === 'string'
}

/** Most lines need none of the further escapes: then JSON.stringify writes the same as canonical JSON, in a third of the time. */
function isPlainlyCanonical(text: string, value: unknown): boolean {
  return JSON.stringify(value) === text && isSorted(value, 0) && !text.includes('\\ud') && escapeLine(text) === text
}

/** A record lies one deep in its line, and canonical JSON takes 32 levels. */
const MAX_DEPTH = 33

function isSorted(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth > MAX_DEPTH) return false
  if (Array.isArray(value)) return value.every((entry) => isSorted(entry, depth + 1))
  let before = ''
  for (const [name, member] of Object.entries(value)) {
    if (name < before || !isSorted(member, depth + 1)) return false
    before = name
  }
  return true
}
