import type { FileHandle } from 'node:fs/promises'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '@countermark/core'
import { MAX_LINE_BYTES, parseLine } from '../../record/parse-line.ts'
import { readEnds } from '../../verify/file-order.ts'

/** What was written a moment ago: a program that copies a file and then cuts it (copytruncate) loses what came in between. */
export interface RecentLines {
  readonly add: (bytes: Buffer) => void
  readonly forget: () => void
  /** Writes again, into a file that was cut, what neither it nor a copy beside it holds. */
  readonly restore: (target: CutFile, size: number) => Promise<void>
  /** Whether the chain that ends a file which grew began before ours, or is unknown. */
  readonly otherWriter: (target: CutFile, size: number) => Promise<'before' | 'after' | 'none'>
}

/** A file that was changed by others. */
export interface CutFile {
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

/** Keeps what was written in the last seconds, as far as there is room. */
export function createRecentLines(clock: Clock): RecentLines {
  const groups: Group[] = []
  let bytesKept = 0

  function linesKept(): readonly Line[] {
    return groups.flatMap(({ bytes }) => toLines(bytes))
  }

  return {
    add: (bytes) => {
      const atMs = clock.monotonicMs()
      groups.push({ atMs, bytes })
      bytesKept += bytes.length
      for (let first = groups[0]; first !== undefined && isOld(first, atMs, bytesKept); first = groups[0]) {
        bytesKept -= first.bytes.length
        groups.shift()
      }
    },
    forget: () => {
      groups.splice(0)
      bytesKept = 0
    },
    restore: async (target, size) => {
      const lines = linesKept()
      const copied = await lastCopied(target.path)
      const present = Buffer.alloc(Math.min(size, KEPT_BYTES))
      await target.handle.read(present, 0, present.length, 0)
      const there = new Set(toLines(present).map(({ text }) => text))
      const wanted = lines.filter(({ chain, seq }) => seq > (copied.get(chain) ?? 0))
      if (wanted.every(({ text }) => there.has(text))) return
      // In their order, when nothing stands there that is not written again.
      const isOurs = [...there].every((text) => wanted.some((line) => line.text === text))
      if (isOurs) await target.handle.truncate(0)
      const missing = isOurs ? wanted : wanted.filter(({ text }) => !there.has(text))
      await target.handle.writeFile(missing.map(({ text }) => `${text}\n`).join(''))
    },
    otherWriter: async (target, size) => {
      const own = linesKept().at(-1)?.chain
      const tail = Buffer.alloc(Math.min(size, MAX_LINE_BYTES))
      await target.handle.read(tail, 0, tail.length, size - tail.length)
      const last = toLines(tail).at(-1)?.chain
      if (last === undefined || last === own) return 'none'
      return own === undefined || last < own ? 'before' : 'after'
    },
  }
}

function isOld({ atMs }: Group, nowMs: number, bytesKept: number): boolean {
  return nowMs - atMs > KEPT_MS || bytesKept > KEPT_BYTES
}

function toLines(bytes: Buffer): readonly Line[] {
  const texts = bytes.toString('utf8').split('\n').slice(0, -1)
  return texts.flatMap((text) => {
    const sealed = parseLine(Buffer.from(text))
    return sealed === undefined ? [] : [{ text, chain: sealed.chain, seq: sealed.seq }]
  })
}

/** How far each chain stands in the files beside this one whose names begin with its name: that is how copies are called. */
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
