import { link, readFile, unlink, writeFile } from 'node:fs/promises'

/** Keeps other processes from a file for as long as this one writes it. */
export interface FileLock {
  readonly release: () => Promise<void>
}

/**
 * Takes the lock of a file: a file beside it that names this process. One left behind by a process that is gone is taken over.
 * @throws Error when another process that runs has it
 */
export async function lockFile(path: string): Promise<FileLock> {
  const lockPath = `${path}.lock`
  const own = await nameProcess(process.pid)
  for (let attempt = 0; attempt < 2; attempt++) {
    if (await create(lockPath, own)) return { release: () => releaseLock(lockPath, own) }
    const holder = await readFile(lockPath, 'utf8').catch(() => '')
    if (await isRunning(holder, own)) {
      throw new Error(`${path} is written by process ${holder.split(' ')[0]}: each process needs a file of its own`)
    }
    await unlink(lockPath).catch(() => undefined)
  }
  throw new Error(`${lockPath} is fought over: each process needs a file of its own`)
}

/** Linked into its place with its text in it: nobody sees a lock that names no process yet. */
async function create(lockPath: string, text: string): Promise<boolean> {
  const draft = `${lockPath}.${process.pid}`
  await writeFile(draft, text, { mode: 0o600 })
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** A number of a process is used again; together with its start it is not. Where there is no /proc the number has to do. */
async function nameProcess(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name of the program stands in brackets and may hold anything; the start is the twentieth field behind it.
  return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`
}

async function isRunning(holder: string, own: string): Promise<boolean> {
  const pid = Number(holder.split(' ')[0])
  if (holder === own || !Number.isSafeInteger(pid) || pid < 1 || !exists(pid)) return false
  return (await nameProcess(pid)) === holder
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

async function releaseLock(lockPath: string, own: string): Promise<void> {
  const holder = await readFile(lockPath, 'utf8').catch(() => '')
  if (holder === own) await unlink(lockPath).catch(() => undefined)
}
