import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname, parse } from 'node:path'
import type { Clock } from '@countermark/core'
import type { FoundTrail } from './audit-sink.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import { repairTail } from './repair-tail.ts'

/** When lines are on the disk. */
export type Fsync = 'group' | 'each' | 'never'

/** How a file of lines is kept. */
export interface TrailFileOptions {
  readonly path: string
  readonly fsync: Fsync
  readonly maxBytes: number
  readonly daily: boolean
  readonly onRotated: (path: string) => void
  readonly clock: Clock
}

/** A file of lines that grows until it is full or the day is over. Not for two calls at once. */
export interface TrailFile {
  readonly open: () => Promise<FoundTrail>
  /** All lines are durable, or none counts: then the file is cut back and opened anew by the next call. */
  readonly append: (lines: readonly string[]) => Promise<void>
  readonly close: () => Promise<void>
}

interface OpenFile {
  readonly handle: FileHandle
  readonly isRegular: boolean
  readonly inode: number
  readonly day: string
  /** Up to where everything is durable. */
  size: number
}

/** Prepares a file; nothing is opened yet. */
export function createTrailFile(options: TrailFileOptions): TrailFile {
  const { path, fsync, maxBytes, daily, onRotated, clock } = options
  let file: OpenFile | undefined
  let broken: OpenFile | undefined
  let lock: FileLock | undefined
  const now = (): string => new Date(clock.wallMs()).toISOString()

  async function openFile(): Promise<FoundTrail> {
    if (file !== undefined) return {}
    // Before the end of the file is looked at: a half-written line of a process that runs is no rest of one that died.
    lock ??= await lockFile(path)
    // One call then writes and makes durable: half the system calls of write and fdatasync.
    const durable = fsync === 'never' ? 0 : constants.O_DSYNC
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | durable
    const handle = await open(path, flags, 0o600)
    try {
      return await examine(handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async function examine(handle: FileHandle): Promise<FoundTrail> {
    const stat = await handle.stat()
    const isRegular = stat.isFile()
    // Our own half-written lines are not worth keeping: they come again, whole.
    if (isRegular && broken?.inode === stat.ino && stat.size > broken.size) await handle.truncate(broken.size)
    const found = isRegular ? await repairTail(handle, path, stampOf(now())) : {}
    const { size, ino, mtimeMs } = await handle.stat()
    const day = (size === 0 ? now() : new Date(mtimeMs).toISOString()).slice(0, 10)
    if (isRegular && size === 0) await syncFolder(path)
    file = { handle, isRegular, inode: ino, day, size: isRegular ? size : 0 }
    broken = undefined
    return found
  }

  async function writeAll(target: OpenFile, bytes: Buffer): Promise<void> {
    let from = 0
    while (from < bytes.length) {
      const { bytesWritten } = await target.handle.write(bytes, from, bytes.length - from, null)
      from += bytesWritten
    }
    if (target.isRegular) target.size += bytes.length
  }

  /** After an error nobody knows what reached the disk: a later fsync that succeeds would prove nothing. */
  async function abandon(target: OpenFile): Promise<void> {
    broken = target
    file = undefined
    await target.handle.close().catch(() => undefined)
  }

  async function rotateIfDue(target: OpenFile, bytes: number): Promise<OpenFile> {
    const isFull = target.size + bytes > maxBytes
    const isOver = daily && now().slice(0, 10) !== target.day
    if (!target.isRegular || target.size === 0 || !(isFull || isOver)) return target
    const finished = finishedPath(path, now(), target.inode)
    await rename(path, finished)
    await target.handle.close()
    file = undefined
    await openFile()
    onRotated(finished)
    return requireOpen()
  }

  function requireOpen(): OpenFile {
    if (file === undefined) throw new Error('the file is not open')
    return file
  }

  return {
    open: openFile,
    append: async (lines) => {
      await openFile()
      const groups = fsync === 'each' ? lines.map((line) => [line]) : [lines]
      for (const group of groups) {
        const bytes = toBytes(group)
        const target = await rotateIfDue(requireOpen(), bytes.length)
        try {
          await writeAll(target, bytes)
        } catch (error) {
          await abandon(target)
          throw error
        }
      }
    },
    close: async () => {
      await file?.handle.close()
      file = undefined
      await lock?.release()
      lock = undefined
    },
  }
}

/** Line by line into one buffer: to join them first costs three times as much. */
function toBytes(lines: readonly string[]): Buffer {
  const size = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const line of lines) {
    at += bytes.write(line, at, 'utf8')
    bytes[at++] = LINE_FEED
  }
  return bytes
}

const LINE_FEED = 10

/** `audit.ndjson` becomes `audit.20261127T201025123Z-1f3a.ndjson`: names sort by time, and before the one being written. */
function finishedPath(path: string, at: string, inode: number): string {
  const { dir, name, ext } = parse(path)
  return `${dir === '' ? '.' : dir}/${name}.${stampOf(at)}-${inode.toString(16)}${ext}`
}

function stampOf(at: string): string {
  return at.replace(/[-:.]/g, '')
}

/** A new name is durable only once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } catch {
    // Some file systems cannot; the file itself is durable all the same.
  } finally {
    await folder.close()
  }
}
