import { createRequire } from 'node:module'
import { join } from 'node:path'
import { reasonOf } from './errors.ts'
import type { Finding } from './findings.ts'
import type { Terminal } from './terminal.ts'

/** What is used of a client. */
interface Redis {
  readonly library: string
  readonly connect: () => Promise<unknown>
  readonly send: (name: string, args: readonly string[]) => Promise<unknown>
  readonly close: () => void
}

const TIMEOUT_MS = 5_000

/** Whether a Redis keeps what a replay store writes, and lets it write. */
export async function checkRedis({ folder }: Terminal, url: string): Promise<readonly Finding[]> {
  const client = openRedis(folder, url)
  if (client === undefined) {
    return [
      {
        rule: 'redis',
        state: 'failed',
        found: 'neither ioredis nor redis is installed here: nothing was asked',
        fix: 'npm install ioredis, or npm install redis',
      },
    ]
  }
  try {
    await inTime(client.connect())
    return [
      { rule: 'redis', state: 'ok', found: `Redis answers (through ${client.library})` },
      await checkPolicy(client),
      await checkRights(client),
      await checkSurvival(client),
    ]
  } catch (error) {
    const found = `Redis gave no answer: ${reasonOf(error)}`
    return [{ rule: 'redis', state: 'failed', found, fix: 'is it running, and are address, user and password right?' }]
  } finally {
    client.close()
  }
}

/** A client of the library that the application has installed, else of one beside this program. */
function openRedis(folder: string, url: string): Redis | undefined {
  for (const place of [join(folder, 'package.json'), import.meta.url]) {
    for (const [name, open] of Object.entries(LIBRARIES)) {
      try {
        return open(createRequire(place)(name), url)
      } catch (error) {
        // The next one may be installed.
        if (Object(error).code !== 'MODULE_NOT_FOUND') throw error
      }
    }
  }
  return undefined
}

const LIBRARIES: Readonly<Record<string, (library: unknown, url: string) => Redis>> = {
  ioredis: openIoredis,
  redis: openNodeRedis,
}

interface Ioredis {
  readonly Redis: new (
    url: string,
    options: object,
  ) => {
    readonly connect: () => Promise<unknown>
    readonly call: (name: string, ...args: readonly string[]) => Promise<unknown>
    readonly disconnect: () => void
    readonly on: (event: 'error', listener: () => void) => unknown
  }
}

function openIoredis(library: unknown, url: string): Redis {
  const { Redis: Client } = library as Ioredis
  const options = { lazyConnect: true, retryStrategy: null, connectTimeout: TIMEOUT_MS, maxRetriesPerRequest: 0 }
  const client = new Client(url, options)
  client.on('error', () => undefined)
  return {
    library: 'ioredis',
    connect: () => client.connect(),
    send: (name, args) => client.call(name, ...args),
    close: () => client.disconnect(),
  }
}

interface NodeRedis {
  readonly createClient: (options: object) => {
    readonly connect: () => Promise<unknown>
    readonly sendCommand: (command: string[]) => Promise<unknown>
    readonly destroy: () => void
    readonly on: (event: 'error', listener: () => void) => unknown
  }
}

function openNodeRedis(library: unknown, url: string): Redis {
  const { createClient } = library as NodeRedis
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: TIMEOUT_MS } })
  client.on('error', () => undefined)
  return {
    library: 'redis',
    connect: () => client.connect(),
    send: (name, args) => client.sendCommand([name, ...args]),
    close: () => client.destroy(),
  }
}

async function inTime<Result>(work: Promise<Result>): Promise<Result> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')))
  })
  return Promise.race([work, late])
}

/** A store that forgets under pressure lets requests be replayed. */
async function checkPolicy(client: Redis): Promise<Finding> {
  const rule = 'redis-eviction'
  const info = await ask(client, ['INFO', 'memory'])
  const policy = /maxmemory_policy:(\S+)/.exec(String(info))?.[1]
  if (policy === undefined) return { rule, state: 'skipped', found: 'this user may not read INFO memory' }
  if (policy === 'noeviction') return { rule, state: 'ok', found: 'nothing is evicted: maxmemory-policy noeviction' }
  const fix = 'CONFIG SET maxmemory-policy noeviction, or a Redis of its own for the replay store'
  return { rule, state: 'failed', found: `maxmemory-policy is ${policy}: used requests may be forgotten`, fix }
}

/** The commands of a claim, tried on a key that lives for a second. */
async function checkRights(client: Redis): Promise<Finding> {
  const rule = 'redis-rights'
  const key = `countermark:doctor:${process.pid}`
  const commands = [
    ['SET', key, '1', 'PX', '1000', 'NX'],
    ['GET', key],
    ['EVAL', 'return 1', '0'],
    ['DEL', key],
  ]
  const refused: string[] = []
  for (const command of commands) {
    const answer = await ask(client, command)
    if (answer instanceof Error) refused.push(command[0] ?? '')
  }
  if (refused.length === 0) return { rule, state: 'ok', found: 'this user may do what the stores do' }
  const fix = 'the commands that each store needs are listed in the README of @countermark/replay'
  return { rule, state: 'failed', found: `this user may not: ${refused.join(', ')}`, fix }
}

async function checkSurvival(client: Redis): Promise<Finding> {
  const rule = 'redis-restart'
  const info = String(await ask(client, ['INFO', 'persistence']))
  if (!info.includes('aof_enabled')) return { rule, state: 'skipped', found: 'this user may not read INFO persistence' }
  if (info.includes('aof_enabled:1')) return { rule, state: 'ok', found: 'what was used survives a restart' }
  const found = 'a restart forgets what was used: requests signed before it must prove that they are fresh'
  return { rule, state: 'warning', found, fix: 'appendonly yes, if clients cannot answer that challenge' }
}

async function ask(client: Redis, [name = '', ...args]: readonly string[]): Promise<unknown> {
  try {
    return await inTime(client.send(name, args))
  } catch (error) {
    return new Error(reasonOf(error))
  }
}

/** Whether a source of keys answers, in time, with keys. */
export async function checkKeys(
  { clock }: Terminal,
  kind: 'registry' | 'jwks',
  url: string,
): Promise<readonly Finding[]> {
  const rule = kind
  try {
    const before = clock.monotonicMs()
    const target = kind === 'registry' ? `${url}?keyid=countermark-doctor` : url
    const response = await fetch(target, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
    const ms = Math.round(clock.monotonicMs() - before)
    const type = response.headers.get('content-type') ?? 'no content type'
    if (!type.includes('json')) {
      const found = `${response.status} with ${type}: a proxy or a wrong URL may have answered`
      return [{ rule, state: 'failed', found, fix: 'answer with application/json, also when nothing is known' }]
    }
    if (kind === 'registry' && (response.status === 404 || response.status === 200)) {
      return [{ rule, state: 'ok', found: `answers in ${ms} ms: an unknown key id is ${response.status}` }]
    }
    const body: unknown = await response.json()
    const keys =
      typeof body === 'object' && body !== null && 'keys' in body && Array.isArray(body.keys) ? body.keys : []
    if (response.status === 200 && keys.length > 0)
      return [{ rule, state: 'ok', found: `${keys.length} keys in ${ms} ms` }]
    return [
      { rule, state: 'failed', found: `answers ${response.status} with ${keys.length} keys`, fix: 'is the URL right?' },
    ]
  } catch (error) {
    return [
      {
        rule,
        state: 'failed',
        found: `gave no answer: ${reasonOf(error)}`,
        fix: 'is it running, and is the URL right?',
      },
    ]
  }
}
