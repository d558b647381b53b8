import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { type Clock, Misconfigured } from '@countermark/core'
import type { FoundTrail } from '../../record/audit-sink.ts'
import { createRecentLines } from './cut-file.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import { countNames, lookAt } from './file-look.ts'
import { finishedPath, stampOf, syncFolder } from './file-naming.ts'
import { codeOf, explainTrouble, messageOf } from './file-trouble.ts'
import { realPathOf } from './real-path.ts'
import { repairTail } from './repair-tail.ts'
import type { TellOperator } from './tell-operator.ts'

/** When lines are on the disk. */
export type Fsync = 'group' | 'each' | 'never'

/** How a file of lines is kept. */
export interface TrailFileOptions {
  readonly path: string
  readonly fsync: Fsync
  readonly maxBytes: number
  readonly daily: boolean
  /** Must not throw. */
  readonly onRotated: (path: string) => void
  readonly clock: Clock
  /** Names this writer in the lock. */
  readonly writer: string
  readonly tell: TellOperator
}

/** A file of lines that grows until it is full or the day is over. Not for two calls at once. */
export interface TrailFile {
  readonly open: () => Promise<FoundTrail>
  /** All lines are durable, or none counts: then the file is cut back and opened anew by the next call. */
  readonly append: (lines: Buffer) => Promise<void>
  /** Looks whether the file still is where it was, and keeps the lock fresh. */
  readonly look: () => Promise<void>
  readonly close: () => Promise<void>
}

interface OpenFile {
  readonly handle: FileHandle
  /** Behind symbolic links. */
  readonly path: string
  readonly isRegular: boolean
  readonly device: number
  readonly inode: number
  readonly day: string
  /** Up to where everything is durable. */
  size: number
}

const MOST_MOVES = 3
/** How long one stays away from a file that another writer has. */
const RIVAL_MS = 30_000

/** Prepares a file; nothing is opened yet. */
export function createTrailFile(options: TrailFileOptions): TrailFile {
  const { path, fsync, maxBytes, daily, onRotated, clock, writer, tell } = options
  const recent = createRecentLines(clock)
  let file: OpenFile | undefined
  let broken: OpenFile | undefined
  let lock: { readonly path: string; readonly held: FileLock } | undefined
  let isStuck = false
  let rivalUntilMs = Number.NEGATIVE_INFINITY
  const now = (): string => new Date(clock.wallMs()).toISOString()

  async function openFile(): Promise<FoundTrail> {
    if (file !== undefined) return {}
    let real = path
    try {
      real = await realPathOf(path)
      await takeLock(real)
    } catch (error) {
      throw explainTrouble(error, real)
    }
    // One call then writes and makes durable: half the system calls of write and fdatasync.
    const durable = fsync === 'never' ? 0 : constants.O_DSYNC
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | durable
    const handle = await open(real, flags, 0o600).catch((error: unknown) => {
      throw explainTrouble(error, real)
    })
    try {
      return await examine(handle, real)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Before the end of the file is looked at: a half-written line of a process that runs is no rest of one that died. */
  async function takeLock(real: string): Promise<void> {
    if (lock !== undefined && (lock.path !== real || !(await lock.held.isHeld()))) {
      await lock.held.release()
      lock = undefined
    }
    lock ??= { path: real, held: await lockFile(real, writer) }
  }

  async function examine(handle: FileHandle, real: string): Promise<FoundTrail> {
    const before = await handle.stat()
    const isRegular = before.isFile()
    // Our own half-written lines are not worth keeping: they come again, whole.
    if (isRegular && broken?.inode === before.ino && before.size > broken.size) await handle.truncate(broken.size)
    const found = isRegular ? await repairTail(handle, real, stampOf(now())) : {}
    const { size, dev, ino, mtimeMs } = await handle.stat()
    const day = (size === 0 ? now() : new Date(mtimeMs).toISOString()).slice(0, 10)
    if (isRegular && size === 0) await syncFolder(real)
    file = { handle, path: real, isRegular, device: dev, inode: ino, day, size: isRegular ? size : 0 }
    broken = undefined
    return found
  }

  /** Others move, remove and shorten files: what stands at the path now is what counts. Answers with its size. */
  async function lookAgain(target: OpenFile): Promise<number> {
    const there = await lookAt(path)
    if (there === undefined || there.ino !== target.inode || there.dev !== target.device) await leave(target)
    else if (there.size < target.size) {
      tell(`${target.path} was shortened by another program: let it move the file instead (create, not copytruncate)`)
      await recent.restore(target, there.size)
      target.size = (await target.handle.stat()).size
    }
    return Math.max(there?.size ?? 0, target.size)
  }

  async function leave(target: OpenFile): Promise<void> {
    if ((await countNames(target.handle)) === 0)
      tell(`${target.path} was removed with the records in it; another file is begun`)
    file = undefined
    recent.forget()
    await target.handle.close()
  }

  /** A file that is mounted alone has a folder, and with it a lock, in each container: who began first goes on. */
  async function judgeGrowth(target: OpenFile, size: number): Promise<void> {
    const other = await recent.otherWriter(target, size)
    file = undefined
    await target.handle.close()
    if (other !== 'before') return
    rivalUntilMs = clock.monotonicMs() + RIVAL_MS
    requireNoRival()
  }

  function requireNoRival(): void {
    if (clock.monotonicMs() >= rivalUntilMs) return
    throw new Misconfigured(
      'ERR_OPTION_INVALID',
      `${path} is written by another process too: each process needs a file of its own; mount folders, not single files`,
    )
  }

  async function requireUndisturbed(target: OpenFile): Promise<void> {
    const size = await lookAgain(target)
    if (file === target && size > target.size) await judgeGrowth(target, size)
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
    if (target.isRegular) await target.handle.truncate(target.size).catch(() => undefined)
    await target.handle.close().catch(() => undefined)
  }

  async function rotateIfDue(target: OpenFile, bytes: number): Promise<OpenFile> {
    const isFull = target.size + bytes > maxBytes
    const isOver = daily && now().slice(0, 10) !== target.day
    if (!target.isRegular || target.size === 0 || !(isFull || isOver)) return target
    const finished = finishedPath(target.path, now(), target.inode)
    try {
      await rename(target.path, finished)
    } catch (error) {
      // A file that is too long is better than no record.
      if (!isStuck) tell(`${target.path} is full and cannot be moved aside (${codeOf(error)}): it grows on`)
      isStuck = true
      return target
    }
    isStuck = false
    file = undefined
    recent.forget()
    await target.handle.close()
    onRotated(finished)
    await openFile()
    return requireOpen()
  }

  function requireOpen(): OpenFile {
    if (file === undefined) throw new Error('the file is not open')
    return file
  }

  async function writeGroup(bytes: Buffer): Promise<void> {
    requireNoRival()
    for (let move = 0; move < MOST_MOVES; move++) {
      if (file?.isRegular) await requireUndisturbed(file)
      await openFile()
      const target = await rotateIfDue(requireOpen(), bytes.length)
      try {
        await writeAll(target, bytes)
        if (!target.isRegular) return
        recent.add(bytes)
        // Removed while it was written: the records would be nowhere.
        if ((await countNames(target.handle)) > 0) return
      } catch (error) {
        await abandon(target)
        throw error
      }
    }
    throw new Error(`${path} is removed again and again`)
  }

  return {
    open: openFile,
    append: writeGroup,
    look: async () => {
      await lock?.held.refresh()
      if (file === undefined || !file.isRegular) return
      // Taken for dead, by a writer who could not see this one: the next record asks for the lock again.
      if (lock !== undefined && !(await lock.held.isHeld())) await leave(file)
      else await lookAgain(file)
    },
    close: async () => {
      try {
        if (file?.isRegular) await lookAgain(file)
      } catch (error) {
        tell(`${path} could not be looked at when it was closed: ${messageOf(error)}`)
      } finally {
        await file?.handle.close()
        file = undefined
        await lock?.held.release()
        lock = undefined
      }
    },
  }
}
