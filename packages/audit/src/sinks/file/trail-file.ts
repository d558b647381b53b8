import { constants } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { type Clock, Misconfigured } from '@countermark/core'
import type { FoundTrail } from '../sink.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import {
  codeOf,
  countNames,
  explainTrouble,
  finishedPath,
  lookAt,
  messageOf,
  realPathOf,
  stampOf,
  syncFolder,
  type TellOperator,
} from './file-system.ts'
import { RecentLines, repairTail } from './repair.ts'

/** How a file of lines is kept. */
export interface TrailFileOptions {
  readonly path: string
  /** When lines are on the disk. */
  readonly fsync: 'group' | 'each' | 'never'
  readonly maxBytes: number
  readonly daily: boolean
  /** Must not throw. */
  readonly onRotated: (path: string) => void
  readonly clock: Clock
  /** Names this writer in the lock. */
  readonly writer: string
  readonly tell: TellOperator
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
/** How long this writer stays away from a file that another one has. */
const RIVAL_MS = 30_000

/** A file of lines that grows until it is full or the day is over. Not for two calls at once. */
export class TrailFile {
  private readonly options: TrailFileOptions
  private readonly recent: RecentLines
  private file: OpenFile | undefined
  private broken: OpenFile | undefined
  private lock: { readonly path: string; readonly held: FileLock } | undefined
  private isStuck = false
  private rivalUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: TrailFileOptions) {
    this.options = options
    this.recent = new RecentLines(options.clock)
  }

  async open(): Promise<FoundTrail> {
    if (this.file !== undefined) return {}
    let real = this.options.path
    try {
      real = await realPathOf(real)
      await this.takeLock(real)
      return await this.openBehindLock(real)
    } catch (error) {
      throw explainTrouble(error, real)
    }
  }

  /** All lines are durable, or none counts: then the file is cut back and opened anew by the next call. */
  async append(lines: Buffer): Promise<void> {
    this.requireNoRival()
    for (let move = 0; move < MOST_MOVES; move++) {
      if (this.file?.isRegular) await this.requireUndisturbed(this.file)
      await this.open()
      const target = await this.rotateIfDue(this.requireOpen(), lines.length)
      try {
        await writeAll(target, lines)
        if (!target.isRegular) return
        this.recent.add(lines)
        // Removed while it was written: the records would be nowhere.
        if ((await countNames(target.handle)) > 0) return
      } catch (error) {
        await this.abandon(target)
        throw error
      }
    }
    throw new Error(`${this.options.path} is removed again and again`)
  }

  /** Looks whether the file still is where it was, and keeps the lock fresh. */
  async look(): Promise<void> {
    await this.lock?.held.refresh()
    if (this.file === undefined || !this.file.isRegular) return
    // Another writer could not see this one and took it for dead: the next record asks for the lock again.
    if (this.lock !== undefined && !(await this.lock.held.isHeld())) await this.leave(this.file)
    else await this.lookAgain(this.file)
  }

  async close(): Promise<void> {
    const { path, tell } = this.options
    try {
      if (this.file?.isRegular) await this.lookAgain(this.file)
    } catch (error) {
      tell(`${path} could not be looked at when it was closed: ${messageOf(error)}`)
    } finally {
      await this.file?.handle.close()
      this.file = undefined
      await this.lock?.held.release()
      this.lock = undefined
    }
  }

  /** Taken before the end of the file is looked at: a half-written line may belong to a process that still runs. */
  private async takeLock(real: string): Promise<void> {
    if (this.lock !== undefined && (this.lock.path !== real || !(await this.lock.held.isHeld()))) {
      await this.lock.held.release()
      this.lock = undefined
    }
    this.lock ??= { path: real, held: await lockFile(real, this.options.writer) }
  }

  private async openBehindLock(real: string): Promise<FoundTrail> {
    // One call then writes and makes durable: half the system calls of write and fdatasync.
    const durable = this.options.fsync === 'never' ? 0 : constants.O_DSYNC
    const handle = await open(real, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | durable, 0o600)
    try {
      return await this.examine(handle, real)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  private async examine(handle: FileHandle, real: string): Promise<FoundTrail> {
    const { broken } = this
    const before = await handle.stat()
    const isRegular = before.isFile()
    // Our own half-written lines are not worth keeping: they come again, whole.
    if (isRegular && broken?.inode === before.ino && before.size > broken.size) await handle.truncate(broken.size)
    const found = isRegular ? await repairTail(handle, real, stampOf(this.now())) : {}
    const { size, dev, ino, mtimeMs } = await handle.stat()
    const day = (size === 0 ? this.now() : new Date(mtimeMs).toISOString()).slice(0, 10)
    if (isRegular && size === 0) await syncFolder(real)
    this.file = { handle, path: real, isRegular, device: dev, inode: ino, day, size: isRegular ? size : 0 }
    this.broken = undefined
    return found
  }

  private async requireUndisturbed(target: OpenFile): Promise<void> {
    const size = await this.lookAgain(target)
    if (this.file === target && size > target.size) await this.judgeGrowth(target, size)
  }

  /** Other programs move, remove and shorten files: the file at the path now is what counts. Answers with its size. */
  private async lookAgain(target: OpenFile): Promise<number> {
    const there = await lookAt(this.options.path)
    if (there === undefined || there.ino !== target.inode || there.dev !== target.device) await this.leave(target)
    else if (there.size < target.size) {
      const fix = 'let it move the file instead (create, not copytruncate)'
      this.options.tell(`${target.path} was shortened by another program: ${fix}`)
      await this.recent.restore(target, there.size)
      target.size = (await target.handle.stat()).size
    }
    return Math.max(there?.size ?? 0, target.size)
  }

  private async leave(target: OpenFile): Promise<void> {
    const isGone = (await countNames(target.handle)) === 0
    if (isGone) this.options.tell(`${target.path} was removed with the records in it; another file is begun`)
    this.recent.forget()
    await this.letGo(target)
  }

  private async letGo(target: OpenFile): Promise<void> {
    this.file = undefined
    await target.handle.close()
  }

  /** A file that is mounted alone has a folder, and with it a lock, in each container: the writer that began first goes on. */
  private async judgeGrowth(target: OpenFile, size: number): Promise<void> {
    const other = await this.recent.otherWriter(target, size)
    await this.letGo(target)
    if (other !== 'before') return
    this.rivalUntilMs = this.options.clock.monotonicMs() + RIVAL_MS
    this.requireNoRival()
  }

  private requireNoRival(): void {
    const { clock, path } = this.options
    if (clock.monotonicMs() >= this.rivalUntilMs) return
    const fix = 'each process needs a file of its own; mount folders, not single files'
    throw new Misconfigured('ERR_OPTION_INVALID', `${path} is written by another process too: ${fix}`)
  }

  /** After an error it is unknown what reached the disk: a later fsync that succeeds would prove nothing. */
  private async abandon(target: OpenFile): Promise<void> {
    this.broken = target
    this.file = undefined
    if (target.isRegular) await target.handle.truncate(target.size).catch(() => undefined)
    await target.handle.close().catch(() => undefined)
  }

  private async rotateIfDue(target: OpenFile, bytes: number): Promise<OpenFile> {
    const { daily, maxBytes, onRotated, tell } = this.options
    const isDue = target.size + bytes > maxBytes || (daily && this.now().slice(0, 10) !== target.day)
    if (!target.isRegular || target.size === 0 || !isDue) return target
    const finished = finishedPath(target.path, this.now(), target.inode)
    try {
      await rename(target.path, finished)
    } catch (error) {
      // A file that is too long is better than no record.
      if (!this.isStuck) tell(`${target.path} is full and cannot be moved aside (${codeOf(error)}): it grows on`)
      this.isStuck = true
      return target
    }
    this.isStuck = false
    this.recent.forget()
    await this.letGo(target)
    onRotated(finished)
    await this.open()
    return this.requireOpen()
  }

  private requireOpen(): OpenFile {
    if (this.file === undefined) throw new Error('the file is not open')
    return this.file
  }

  private now(): string {
    return new Date(this.options.clock.wallMs()).toISOString()
  }
}

async function writeAll(target: OpenFile, bytes: Buffer): Promise<void> {
  let from = 0
  while (from < bytes.length) {
    const { bytesWritten } = await target.handle.write(bytes, from, bytes.length - from, null)
    from += bytesWritten
  }
  if (target.isRegular) target.size += bytes.length
}
