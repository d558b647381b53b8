import { type FileHandle, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '@countermark/core'
import { MAX_LINE_BYTES, parseLine } from '../../record/parse-line.ts'
import { readEnds } from '../../record/trail-files.ts'

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
    const tail = Buffer.alloc(Math.min(size, MAX_LINE_BYTES))
    await handle.read(tail, 0, tail.length, size - tail.length)
    const last = toLines(tail).at(-1)?.chain
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
