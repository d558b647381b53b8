import { type FileHandle, open, stat } from 'node:fs/promises'
import { Misconfigured } from '@countermark/core'
import { hasErrorCode } from '../error-code.ts'
import type { RiskEventSource } from './event-source.ts'

const CHUNK_BYTES = 262_144
/** A line that is longer is none of a guard: what was read of it goes. */
const LONGEST_LINE = 1_048_576
const LINE_FEED = 0x0a
const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Follows a file of lines that `fileSink` writes: what is appended, the new file when the old one was moved away, and the
 * beginning again when it was cut off.
 * @throws Misconfigured
 */
export function fileEvents(path: string): RiskEventSource {
  if (typeof path !== 'string' || path === '') throw new Misconfigured('ERR_OPTION_INVALID', 'path must name a file')
  const follower = new FileFollower(path)
  return {
    name: 'file',
    id: path,
    position: () => follower.position(),
    resume: (position) => follower.resume(position),
    read: (take) => follower.read(take),
    close: () => follower.close(),
  }
}

/** One file, which may become another one. */
class FileFollower {
  private readonly path: string
  private file: FileHandle | undefined
  private inode = 0
  private offset = 0
  /** What has not become a line yet. */
  private rest: Buffer = NOTHING
  /** How often in a row the name meant another file, and this one had nothing new. */
  private movedAway = 0

  constructor(path: string) {
    this.path = path
  }

  position(): string {
    return `${this.inode}:${this.offset - this.rest.length}`
  }

  resume(position: string): void {
    const [inode, offset] = position.split(':').map(Number)
    if (!Number.isSafeInteger(inode) || !Number.isSafeInteger(offset)) return
    this.inode = Number(inode)
    this.startAt(Number(offset))
  }

  async read(take: (lines: readonly string[]) => void): Promise<boolean> {
    this.file ??= await this.openFile()
    if (this.file === undefined) return false
    const { size } = await this.file.stat()
    // Cut off and written anew, as `copytruncate` does.
    if (size < this.offset) this.startAt(0)
    const chunk = await this.file.read({ buffer: Buffer.allocUnsafe(CHUNK_BYTES), position: this.offset })
    if (chunk.bytesRead > 0) {
      this.take(chunk.buffer.subarray(0, chunk.bytesRead), take)
      return true
    }
    return this.followRename()
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }

  private async openFile(): Promise<FileHandle | undefined> {
    try {
      const file = await open(this.path, 'r')
      const { ino, size } = await file.stat()
      // Another file than the one that was read so far begins at its beginning; so does one that is shorter.
      if (ino !== this.inode || size < this.offset) this.startAt(0)
      this.inode = ino
      return file
    } catch (error) {
      // It is not there yet, or was just moved away.
      if (hasErrorCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** The old file is read to its end: when the name means another one, that is next. */
  private async followRename(): Promise<boolean> {
    const found = await stat(this.path).catch((error: unknown) => {
      if (hasErrorCode(error, 'ENOENT')) return undefined
      throw error
    })
    if (found === undefined || found.ino === this.inode) return false
    // Who writes may not know yet that the file was moved: its last lines are waited for.
    if (this.movedAway++ === 0) return true
    await this.close()
    this.startAt(0)
    this.file = await this.openFile()
    return this.file !== undefined
  }

  private take(bytes: Buffer, take: (lines: readonly string[]) => void): void {
    this.offset += bytes.length
    this.movedAway = 0
    const whole = Buffer.concat([this.rest, bytes])
    const end = whole.lastIndexOf(LINE_FEED) + 1
    this.rest = whole.length - end > LONGEST_LINE ? NOTHING : whole.subarray(end)
    const lines = whole.toString('utf8', 0, end).split('\n')
    const filled = lines.filter((line) => line !== '')
    if (filled.length > 0) take(filled)
  }

  private startAt(offset: number): void {
    this.offset = offset
    this.rest = NOTHING
    this.movedAway = 0
  }
}
