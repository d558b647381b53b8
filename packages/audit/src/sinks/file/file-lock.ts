import { type FileHandle, link, open, readFile, readlink, rename, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Misconfigured } from '@countermark/core'
import { codeOf } from './file-system.ts'

/** Keeps other writers from a file for as long as this one writes it. */
export interface FileLock {
  /** Whether it still is ours: another writer may have taken over from a machine that was asleep. */
  readonly isHeld: () => Promise<boolean>
  /** Shows other containers and hosts that this process lives. */
  readonly refresh: () => Promise<void>
  readonly release: () => Promise<void>
}

/** Who writes. A number of a process means something only on its host, since its boot, in its container. */
interface Holder {
  readonly host: string
  readonly boot: string
  readonly container: string
  readonly pid: number
  /** A number of a process is used again; together with its start it is not. */
  readonly start: string
  /** One sink: a process may have several. */
  readonly writer: string
}

/** How often a lock is refreshed, and for how long one holds that was not: longer than a pause of the garbage collector. */
export const REFRESH_MS = 2000
const STALE_MS = 10_000

/**
 * Takes the lock of a file: a file beside it that names its writer. One left behind by a process that is gone is taken over: at
 * once where its process can be seen, otherwise (another container) when it was not refreshed for ten seconds.
 * @throws {@link Misconfigured} when another writer has it
 */
export async function lockFile(path: string, writer: string): Promise<FileLock> {
  const lockPath = `${path}.lock`
  const own = await describeWriter(writer)
  for (let attempt = 0; attempt < 3; attempt++) {
    const draft = await writeDraft(lockPath, own)
    if (await isLinked(draft.path, lockPath)) return heldLock(lockPath, own, draft)
    await draft.handle.close()
    await takeOver(path, lockPath, own, draft.writtenMs)
  }
  throw new Misconfigured('ERR_OPTION_INVALID', `${lockPath} is fought over: each writer needs a file of its own`)
}

interface Draft {
  readonly path: string
  readonly handle: FileHandle
  readonly inode: number
  /** By the clock of the file system. */
  readonly writtenMs: number
}

async function writeDraft(lockPath: string, own: Holder): Promise<Draft> {
  const path = `${lockPath}.${own.pid}-${own.writer}`
  const handle = await open(path, 'w', 0o600)
  await handle.writeFile(JSON.stringify(own))
  const { ino, mtimeMs } = await handle.stat()
  return { path, handle, inode: ino, writtenMs: mtimeMs }
}

/** Linked into its place with its text in it: other writers never see a lock that names no writer yet. */
async function isLinked(draft: string, lockPath: string): Promise<boolean> {
  try {
    await link(draft, lockPath)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await unlink(draft)
  }
}

function heldLock(lockPath: string, own: Holder, { handle, inode }: Draft): FileLock {
  const isHeld = async (): Promise<boolean> => (await stat(lockPath).catch(() => undefined))?.ino === inode
  return {
    isHeld,
    refresh: async () => {
      // Written, not dated: the clock of the file system is the one that all of them see. A full disk changes nothing.
      await handle.write(JSON.stringify(own), 0).catch(() => undefined)
    },
    release: async () => {
      if (await isHeld()) await unlink(lockPath).catch(() => undefined)
      await handle.close()
    },
  }
}

async function takeOver(path: string, lockPath: string, own: Holder, nowMs: number): Promise<void> {
  const found = await stat(lockPath).catch(() => undefined)
  const text = await readFile(lockPath, 'utf8').catch(() => '')
  if (found === undefined) return
  const holder = readHolder(text)
  if (await isAlive(holder, own, nowMs - found.mtimeMs)) throw inUse(path, holder, own)
  // The writer that renames it first has it; a lock that took its place meanwhile is put back.
  const aside = `${lockPath}.${own.pid}-${own.writer}.old`
  await rename(lockPath, aside).catch(() => undefined)
  const taken = await readFile(aside, 'utf8').catch(() => '')
  if (taken !== '' && taken !== text) await link(aside, lockPath).catch(() => undefined)
  await unlink(aside).catch(() => undefined)
}

function inUse(path: string, holder: Holder | undefined, own: Holder): Misconfigured {
  const where = holder === undefined || holder.host === own.host ? '' : ` on ${holder.host}`
  const who = holder === undefined ? 'another writer' : `process ${holder.pid}${where}`
  const same = holder !== undefined && isSameProcess(holder, own) ? ', this one, already' : ''
  const gone =
    holder === undefined || !isVisible(holder, own) ? '; if that one is gone, start again in ten seconds' : ''
  return new Misconfigured(
    'ERR_OPTION_INVALID',
    `${path} is written by ${who}${same}: each sink and each process needs a file of its own, such as one with process.pid in its name${gone}`,
  )
}

async function isAlive(holder: Holder | undefined, own: Holder, ageMs: number): Promise<boolean> {
  if (holder === undefined || !isVisible(holder, own)) return ageMs < STALE_MS
  if (isSameProcess(holder, own)) return holder.writer !== own.writer
  return exists(holder.pid) && (await startOf(holder.pid)) === holder.start
}

/** Whether its process could be seen from here. */
function isVisible(holder: Holder, own: Holder): boolean {
  return holder.host === own.host && holder.boot === own.boot && holder.container === own.container
}

function isSameProcess(holder: Holder, own: Holder): boolean {
  return isVisible(holder, own) && holder.pid === own.pid && holder.start === own.start
}

function readHolder(text: string): Holder | undefined {
  try {
    const { host, boot, container, pid, start, writer }: Readonly<Record<string, unknown>> = JSON.parse(text)
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined
    const [a, b, c, d, e] = [host, boot, container, start, writer].map(String)
    return { host: a ?? '', boot: b ?? '', container: c ?? '', pid, start: d ?? '', writer: e ?? '' }
  } catch {
    // Nothing that this package wrote.
    return undefined
  }
}

/** Where there is no /proc, host and number have to do. */
async function describeWriter(writer: string): Promise<Holder> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const container = await readlink('/proc/self/ns/pid').catch(() => '')
  const { pid } = process
  return { host: hostname(), boot: boot.trim(), container, pid, start: await startOf(pid), writer }
}

/** The name of the program, in brackets, may hold anything; the start is the twentieth field behind it. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It runs under another user.
    return codeOf(error) === 'EPERM'
  }
}
