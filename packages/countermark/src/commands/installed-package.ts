import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as AuthorityPackage from '@countermark/authority'
import { CommandError, hasCode, reasonOf } from './errors.ts'
import type { Terminal } from './terminal.ts'

/** A client of Redis, made by the library that is installed. */
export interface OpenedRedis {
  /** As `redisReplayStore` takes it. */
  readonly client: object
  readonly close: () => void
}

/** The package of the authority. It is not installed with `countermark`: only what runs an authority needs it. @throws CommandError */
export async function loadAuthority({ folder }: Terminal): Promise<typeof AuthorityPackage> {
  try {
    return await import('@countermark/authority')
  } catch (error) {
    if (!isMissing(error)) throw error
    return loadFrom<typeof AuthorityPackage>(folder, '@countermark/authority')
  }
}

async function loadFrom<Module>(folder: string, name: string): Promise<Module> {
  try {
    return await import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href)
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new CommandError(`${name} is not installed here`, `npm install ${name}`)
  }
}

/**
 * Connects by ioredis or redis, whichever is installed where the command runs, or beside this program.
 * @throws CommandError when neither is, or Redis does not answer
 */
export async function openRedis({ folder }: Terminal, url: string): Promise<OpenedRedis> {
  for (const place of [join(folder, 'package.json'), import.meta.url]) {
    for (const [name, open] of Object.entries(LIBRARIES)) {
      let library: unknown
      try {
        library = createRequire(place)(name)
      } catch (error) {
        // The next one may be installed.
        if (!isMissing(error)) throw error
        continue
      }
      return connect(() => open(library, url))
    }
  }
  throw new CommandError('neither ioredis nor redis is installed here', 'npm install ioredis')
}

async function connect(open: () => Promise<OpenedRedis>): Promise<OpenedRedis> {
  try {
    return await open()
  } catch (error) {
    throw new CommandError(`Redis gave no answer: ${reasonOf(error)}`, 'is it running, and is the address right?')
  }
}

const LIBRARIES: Readonly<Record<string, (library: unknown, url: string) => Promise<OpenedRedis>>> = {
  ioredis: openIoredis,
  redis: openNodeRedis,
}

interface Client {
  readonly connect: () => Promise<unknown>
  readonly on: (event: 'error', listener: () => void) => unknown
}

interface Ioredis {
  readonly Redis: new (url: string, options: object) => Client & { readonly disconnect: () => void }
}

async function openIoredis(library: unknown, url: string): Promise<OpenedRedis> {
  const { Redis } = library as Ioredis
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 })
  return whenConnected(client, () => client.disconnect())
}

interface NodeRedis {
  readonly createClient: (options: object) => Client & { readonly destroy: () => void }
}

async function openNodeRedis(library: unknown, url: string): Promise<OpenedRedis> {
  const client = (library as NodeRedis).createClient({ url })
  return whenConnected(client, () => client.destroy())
}

const PATIENCE_MS = 5_000

/** Afterwards the library connects again by itself; what was lost in between is told by the store. */
async function whenConnected(client: Client, close: () => void): Promise<OpenedRedis> {
  client.on('error', () => undefined)
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')))
  })
  try {
    await Promise.race([client.connect(), late])
    return { client, close }
  } catch (error) {
    close()
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'MODULE_NOT_FOUND') || hasCode(error, 'ERR_MODULE_NOT_FOUND')
}
