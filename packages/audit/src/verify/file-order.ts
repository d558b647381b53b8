import { open } from 'node:fs/promises'
import { MAX_LINE_BYTES } from '../record/parse-line.ts'
import { isPruned, type PrunedMembers, parsePlaced } from '../record/pruned-line.ts'
import type { SealedMembers } from '../record/seal-record.ts'
import { readLines } from './read-lines.ts'

/** A file of a trail. */
export interface TrailFileToRead {
  readonly path: string
  readonly size: number
  readonly first: SealedMembers | PrunedMembers | undefined
  readonly last: SealedMembers | PrunedMembers | undefined
}

/**
 * The files of a trail in the order in which they were written, whatever they are called and whatever the clock did: one
 * whose first record continues another's last one comes behind it. Those that continue none stand by the name of their chain,
 * which begins with its start.
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
  if (isPruned(first)) return false
  const { record } = first
  if (record.type !== 'event') return false
  return JSON.stringify(record.details['follows'] ?? null).includes(`"${last.hash}"`)
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

async function firstOf(path: string): Promise<SealedMembers | PrunedMembers | undefined> {
  for await (const { bytes } of readLines(path)) {
    const sealed = parsePlaced(bytes)
    if (sealed !== undefined) return sealed
  }
  return undefined
}

function lastOf(tail: Buffer): SealedMembers | PrunedMembers | undefined {
  const end = tail.lastIndexOf(LINE_FEED)
  if (end < 0) return undefined
  const start = end === 0 ? 0 : tail.lastIndexOf(LINE_FEED, end - 1) + 1
  return parsePlaced(tail.subarray(start, end))
}

const LINE_FEED = 10
