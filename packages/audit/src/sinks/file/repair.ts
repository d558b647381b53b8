import { type FileHandle, open, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '@countermark/core'
import { linesFromEnd, MAX_LINE_BYTES, parseLine, parsePlaced, readEnds, readTail } from '../../record/read-trail.ts'
import type { FoundTrail } from '../sink.ts'

/** `{` and `}`: what does not begin and end with them need not be parsed. */
const OPENING = 123
const CLOSING = 125

/**
 * Looks at the end of a file of records. What follows the last whole record, half a line when a process died in the
 * middle of it, is copied to a file beside and cut off, so that the next record begins a line of its own.
 */
export async function repairTail(handle: FileHandle, path: string, stamp: string): Promise<FoundTrail> {
  const { size } = await handle.stat()
  const tail = await readTail(handle, size, 2 * MAX_LINE_BYTES)
  const last = findLastRecord(tail)
  if (last === undefined && tail.length < size) throw new Error(`${path} does not end in a record of an audit trail`)
  const { end, from } = last ?? { end: undefined, from: 0 }
  const partial = tail.subarray(from)
  if (partial.length > 0) await setAside(handle, size - partial.length, partial, `${path}.${stamp}.partial`)
  return {
    ...(end === undefined ? {} : { end }),
    ...(partial.length === 0 ? {} : { partialBytes: partial.length }),
  }
}

interface LastRecord {
  readonly end: FoundTrail['end']
  /** Where the bytes behind it begin. */
  readonly from: number
}

/**
 * A page that never reached the disk may leave whole lines of zeros behind. Only JSON can be a record; a line of JSON stays where it
 * is, for the verifier to check.
 */
function findLastRecord(tail: Buffer): LastRecord | undefined {
  for (const { bytes, end } of linesFromEnd(tail)) if (isJson(bytes)) return { end: endOf(bytes), from: end }
  return undefined
}

function endOf(line: Buffer): FoundTrail['end'] {
  const sealed = parsePlaced(line)
  return sealed && { chain: sealed.chain, seq: sealed.seq, hash: sealed.hash }
}

function isJson(line: Buffer): boolean {
  if (line[0] !== OPENING || line.at(-1) !== CLOSING) return false
  try {
    JSON.parse(line.toString('utf8'))
    return true
  } catch {
    // Half a line, or zeros.
    return false
  }
}

/** Copied first and made durable, then cut off: at no moment are the bytes nowhere. */
async function setAside(handle: FileHandle, size: number, partial: Buffer, path: string): Promise<void> {
  const copy = await open(path, 'wx', 0o600)
  try {
    await copy.writeFile(partial)
    await copy.datasync()
  } finally {
    await copy.close()
  }
  await handle.truncate(size)
  await handle.datasync()
}

/** A file that another program changed. */
export interface ChangedFile {
  readonly handle: FileHandle
  readonly path: string
}

interface Group {
  readonly atMs: number
  readonly bytes: Buffer
}

interface Line {
  readonly text: string
  readonly chain: string
  readonly seq: number
}

/** Longer than a copy of the largest file takes. */
const KEPT_MS = 10_000
const KEPT_BYTES = 8_388_608

/**
 * What was written in the last seconds, as far as there is room: a program that copies a file and then cuts it (copytruncate)
 * loses what came in between.
 */
export class RecentLines {
  private readonly clock: Clock
  private readonly groups: Group[] = []
  private bytesKept = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  add(bytes: Buffer): void {
    const atMs = this.clock.monotonicMs()
    this.groups.push({ atMs, bytes })
    this.bytesKept += bytes.length
    for (let [first] = this.groups; first !== undefined && this.isOld(first, atMs); [first] = this.groups) {
      this.bytesKept -= first.bytes.length
      this.groups.shift()
    }
  }

  forget(): void {
    this.groups.splice(0)
    this.bytesKept = 0
  }

  /** Writes again, into a file that was cut, what neither it nor a copy beside it holds. */
  async restore({ handle, path }: ChangedFile, size: number): Promise<void> {
    const lines = this.lines()
    const copied = await lastCopied(path)
    const present = Buffer.alloc(Math.min(size, KEPT_BYTES))
    await handle.read(present, 0, present.length, 0)
    const there = new Set(toLines(present).map(({ text }) => text))
    const wanted = lines.filter(({ chain, seq }) => seq > (copied.get(chain) ?? 0))
    if (wanted.every(({ text }) => there.has(text))) return
    // In their order, when the file holds nothing that is not written again.
    const isOurs = [...there].every((text) => wanted.some((line) => line.text === text))
    if (isOurs) await handle.truncate(0)
    const missing = isOurs ? wanted : wanted.filter(({ text }) => !there.has(text))
    await handle.writeFile(missing.map(({ text }) => `${text}\n`).join(''))
  }

  /** Whether the chain that ends a file which grew began before ours, or is unknown. */
  async otherWriter({ handle }: ChangedFile, size: number): Promise<'before' | 'after' | 'none'> {
    const own = this.lines().at(-1)?.chain
    const last = lastChain(await readTail(handle, size, MAX_LINE_BYTES))
    if (last === undefined || last === own) return 'none'
    return own === undefined || last < own ? 'before' : 'after'
  }

  private isOld({ atMs }: Group, nowMs: number): boolean {
    return nowMs - atMs > KEPT_MS || this.bytesKept > KEPT_BYTES
  }

  private lines(): readonly Line[] {
    return this.groups.flatMap(({ bytes }) => toLines(bytes))
  }
}

/** The chain of the last line that holds a whole record. */
function lastChain(tail: Buffer): string | undefined {
  for (const { bytes } of linesFromEnd(tail)) {
    const sealed = parseLine(bytes)
    if (sealed !== undefined) return sealed.chain
  }
  return undefined
}

function toLines(bytes: Buffer): readonly Line[] {
  const texts = bytes.toString('utf8').split('\n').slice(0, -1)
  return texts.flatMap((text) => {
    const sealed = parseLine(Buffer.from(text))
    return sealed === undefined ? [] : [{ text, chain: sealed.chain, seq: sealed.seq }]
  })
}

/** How far each chain goes in the files beside this one whose names begin with its name, as those of copies do. */
async function lastCopied(path: string): Promise<ReadonlyMap<string, number>> {
  const names = await readdir(dirname(path))
  const copies = names.filter((name) => name.startsWith(basename(path)) && name !== basename(path))
  const last = new Map<string, number>()
  for (const name of copies) {
    const end = await readEnds(join(dirname(path), name)).catch(() => undefined)
    if (end?.last !== undefined) last.set(end.last.chain, Math.max(end.last.seq, last.get(end.last.chain) ?? 0))
  }
  return last
}
