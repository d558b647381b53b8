import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Misconfigured } from '@countermark/core'
import { AgentFetchError } from '../agent-fetch-error.ts'
import { type IdentityStore, type KeptIdentity, parseIdentity } from './identity-store.ts'

const NAME = /^identity-([1-9][0-9]{0,14})\.json$/
const OWNER_ONLY = 0o600
const OF_OTHERS = 0o077

/**
 * Keeps the identity of one agent in a folder of its own, readable by its owner only (mode 0600). Each version is a file, which is
 * complete and durable before it has its name, and a name is taken once: so processes that share the folder never overwrite one
 * another, and none that dies leaves a lock. The version before stays beside the last one.
 * @throws Misconfigured `ERR_OPTION_MISSING`
 * @example fileIdentityStore('/var/lib/my-agent/identity')
 */
export function fileIdentityStore(folder: string): IdentityStore {
  if (typeof folder !== 'string' || folder === '') {
    throw new Misconfigured(
      'ERR_OPTION_MISSING',
      'fileIdentityStore needs a folder, such as /var/lib/my-agent/identity',
    )
  }
  return {
    read: () => readLast(folder),
    replace: async (identity, after) => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const version = after + 1
      if (!(await write(folder, version, JSON.stringify(identity)))) return false
      const last = (await listVersions(folder)).at(-1)
      if (last !== version) {
        // The name was free because it is long out of date.
        await unlink(pathOf(folder, version)).catch(ignoreMissing)
        return false
      }
      await removeBefore(folder, after)
      return true
    },
  }
}

async function readLast(folder: string): Promise<KeptIdentity | undefined> {
  for (;;) {
    const version = (await listVersions(folder)).at(-1)
    if (version === undefined) return undefined
    const path = pathOf(folder, version)
    try {
      await requirePrivate(path)
      return { identity: parseIdentity(await readFile(path, 'utf8')), version }
    } catch (error) {
      // Another process has replaced it twice since: there is a later one.
      if (!isMissing(error)) throw error
    }
  }
}

/** In ascending order. */
async function listVersions(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  const versions = names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number)
  return versions.sort((a, b) => a - b)
}

/** Whether the version was free. A name that is linked to what is there already is an error in every file system. */
async function write(folder: string, version: number, text: string): Promise<boolean> {
  const temporary = join(folder, `.${randomBytes(9).toString('hex')}.tmp`)
  const file = await open(temporary, 'wx', OWNER_ONLY)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(temporary, pathOf(folder, version))
    await syncFolder(folder)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary)
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and keeps names without it.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function removeBefore(folder: string, version: number): Promise<void> {
  const old = (await listVersions(folder)).filter((each) => each < version)
  await Promise.all(old.map((each) => unlink(pathOf(folder, each)).catch(ignoreMissing)))
}

async function requirePrivate(path: string): Promise<void> {
  const { mode } = await stat(path)
  if (process.platform === 'win32' || (mode & OF_OTHERS) === 0) return
  throw new AgentFetchError('identity_unusable', `others may read what is kept of the agent: chmod 600 ${path}`)
}

function pathOf(folder: string, version: number): string {
  return join(folder, `identity-${version}.json`)
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
