import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { isPruned, MAX_LINE_BYTES, type PlacedMembers, parsePlaced } from './parse-line.ts'

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
    const tail = Buffer.alloc(Math.min(size, MAX_LINE_BYTES))
    await handle.read(tail, 0, tail.length, size - tail.length)
    return { path, size, first: await firstOf(path), last: lastOf(tail) }
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

function lastOf(tail: Buffer): PlacedMembers | undefined {
  const end = tail.lastIndexOf(LINE_FEED)
  if (end < 0) return undefined
  const start = end === 0 ? 0 : tail.lastIndexOf(LINE_FEED, end - 1) + 1
  return parsePlaced(tail.subarray(start, end))
}
