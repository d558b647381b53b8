import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { canonicalJson, isJsonObject } from '@countermark/core/internal'
import { type AuditRecord, isAuditRecord, type PrivateValue } from './audit-record.ts'
import { escapeLine } from './bounded-text.ts'
import { contentHash, lineOf, linkHash, type SealedMembers } from './chain.ts'

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

/** One line of a file, without its line feed. */
export interface FileLine {
  readonly bytes: Buffer
  /** From 1. */
  readonly number: number
  /** Where the next line begins, from the start of the file. */
  readonly end: number
  /** Whether a line feed stands behind it: only the last line of a file may have none. */
  readonly isWhole: boolean
}

/** A file of a trail. */
export interface TrailFileToRead {
  readonly path: string
  readonly size: number
  readonly first: PlacedMembers | undefined
  readonly last: PlacedMembers | undefined
}

const LINE_FEED = 10

/**
 * Reads a file line by line in bounded memory: of a line that is longer than any record, no more than its beginning is kept.
 * @throws what the file system throws
 */
export async function* readLines(path: string): AsyncGenerator<FileLine, void> {
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  let end = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
    const data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (let at = data.indexOf(LINE_FEED); at >= 0; at = data.indexOf(LINE_FEED, from)) {
      number += 1
      end += at + 1 - from
      yield { bytes: data.subarray(from, at), number, end, isWhole: true }
      from = at + 1
    }
    rest = data.subarray(from)
    // One byte above the limit is enough for the reader to refuse it.
    if (rest.length > MAX_LINE_BYTES + 1) {
      end += rest.length - (MAX_LINE_BYTES + 1)
      rest = rest.subarray(0, MAX_LINE_BYTES + 1)
    }
  }
  if (rest.length > 0) yield { bytes: rest, number: number + 1, end: end + rest.length, isWhole: false }
}

/**
 * The files of a trail in the order in which they were written, whatever their names and the clock: a file whose first record
 * continues another's last one comes behind it. Those that continue none are sorted by the name of their chain, which begins
 * with its start.
 */
export async function inWrittenOrder(paths: readonly string[]): Promise<readonly TrailFileToRead[]> {
  const files = await Promise.all([...new Set(paths)].map(readEnds))
  const remaining = new Set(files.sort(byChain))
  const ordered: TrailFileToRead[] = []
  const beginnings = files.filter((file) => !files.some((other) => continues(file, other)))
  for (const beginning of beginnings.length === 0 ? files : beginnings) {
    let next: TrailFileToRead | undefined = beginning
    while (next !== undefined && remaining.delete(next)) {
      const current: TrailFileToRead = next
      ordered.push(current)
      next = files.find((file) => remaining.has(file) && continues(file, current))
    }
  }
  return [...ordered, ...remaining]
}

function continues({ first }: TrailFileToRead, { last }: TrailFileToRead): boolean {
  if (first === undefined || last === undefined) return false
  if (first.chain === last.chain) return first.seq === last.seq + 1
  if (isPruned(first) || first.record.type !== 'event') return false
  return JSON.stringify(first.record.details['follows'] ?? null).includes(`"${last.hash}"`)
}

function byChain(a: TrailFileToRead, b: TrailFileToRead): number {
  const [one, other] = [a.first, b.first]
  if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? -1 : 1
  if (one.chain !== other.chain) return one.chain < other.chain ? -1 : 1
  return one.seq - other.seq
}

/** Reads how a file begins and how it ends. */
export async function readEnds(path: string): Promise<TrailFileToRead> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const [last] = linesFromEnd(await readTail(handle, size, MAX_LINE_BYTES))
    return { path, size, first: await firstOf(path), last: last && parsePlaced(last.bytes) }
  } finally {
    await handle.close()
  }
}

async function firstOf(path: string): Promise<PlacedMembers | undefined> {
  for await (const { bytes } of readLines(path)) {
    const placed = parsePlaced(bytes)
    if (placed !== undefined) return placed
  }
  return undefined
}

/** The last bytes of an open file, at most so many. */
export async function readTail(handle: FileHandle, size: number, mostBytes: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(size, mostBytes))
  await handle.read(tail, 0, tail.length, size - tail.length)
  return tail
}

/** Whole lines, the last one first; the beginning of the first may be missing. `end`: where the next line begins. */
export function* linesFromEnd(tail: Buffer): Iterable<Pick<FileLine, 'bytes' | 'end'>> {
  let end = tail.lastIndexOf(LINE_FEED)
  while (end >= 0) {
    const before = end === 0 ? -1 : tail.lastIndexOf(LINE_FEED, end - 1)
    yield { bytes: tail.subarray(before + 1, end), end: end + 1 }
    end = before
  }
}
