import { closeSync, createReadStream, openSync } from 'node:fs'
import type { RequestListener, ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { auditTrail, fileSink } from '@countermark/audit'
import type { Authority, AuthorityOptions } from '@countermark/authority'
import { type ReplayStore, Unavailable } from '@countermark/core'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore, type RedisReplayStoreOptions, redisReplayStore } from '@countermark/replay'
import { CommandError } from '../errors.ts'
import { loadAuthority, openRedis } from '../installed-package.ts'
import type { Terminal } from '../terminal.ts'
import type { AuthoritySettings } from './authority-settings.ts'
import { type AuthorityHealth, createHealth } from './health.ts'
import { listen } from './http-server.ts'
import { openMetrics } from './metrics-server.ts'

/** An authority that listens. */
export interface AuthorityService {
  readonly authority: Authority
  /** Where it listens on this machine. */
  readonly address: string
  /** Where Prometheus asks; `undefined`: nowhere. */
  readonly metricsAddress: string | undefined
  /** Lets what is under way end, for at most ten seconds, and closes everything. */
  readonly stop: () => Promise<void>
}

/**
 * Starts an authority of its own: database, trail, Redis, a server for callers and one for Prometheus.
 * @throws CommandError, Misconfigured, Unavailable before anything listens
 */
export async function startAuthorityService(
  terminal: Terminal,
  settings: AuthoritySettings,
): Promise<AuthorityService> {
  const { createAuthority } = await loadAuthority(terminal)
  const { folder, clock } = terminal
  const closing: (() => unknown)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close()
  }
  try {
    const trail = auditTrail({ sinks: [fileSink({ path: resolve(folder, settings.audit) })], worker: false })
    closing.push(() => trail.close())
    const metrics = await openMetrics(settings.metricsListen)
    if (metrics !== undefined) closing.push(metrics.end)
    const shared = await openShared(terminal, settings, closing)
    const authority = createAuthority({
      ...settings.options,
      ...{ storage: placeOf(settings.storage, folder), trail, clock, ...shared },
      ...(metrics === undefined ? {} : { observers: [metrics.observer] }),
      ...keysOf(terminal, settings),
      ...decisionsOf(terminal, settings),
    })
    closing.push(() => authority.close())
    await authority.ready()
    const streams = new Set<ServerResponse>()
    const server = await listen(serve(authority, createHealth(authority, clock), streams), settings.listen)
    closing.push(() => {
      const ended = server.end()
      // Doors come back by themselves, to another process or to the next one.
      for (const stream of streams) stream.end()
      return ended
    })
    return { authority, address: server.address, metricsAddress: metrics?.address, stop: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** Used signatures are remembered where every process sees them; stops wake every process. */
async function openShared(
  terminal: Terminal,
  { redis: url, storage }: AuthoritySettings,
  closing: (() => unknown)[],
): Promise<{ readonly replayStore: ReplayStore; readonly push?: NonNullable<AuthorityOptions['push']> }> {
  if (url === undefined) {
    if (!/^postgres(?:ql)?:/.test(storage)) return { replayStore: memoryReplayStore({ allowSingleProcess: true }) }
    const fix = 'start Redis and say where: COUNTERMARK_REDIS=redis://127.0.0.1:6379'
    throw new CommandError('processes that share a PostgreSQL database share used signatures by Redis', fix)
  }
  const { client: opened, close } = await openRedis(terminal, url)
  closing.push(close)
  const client = opened as RedisReplayStoreOptions['client']
  const store = redisReplayStore({ client, prefix: 'countermark:authority:replay:', deadlineMs: 1000 })
  closing.push(() => store.close())
  await store.ready()
  return { replayStore: store, push: { redis: client as NonNullable<AuthorityOptions['push']>['redis'] } }
}

/** A path of SQLite is one in the folder of the command; the database is for its user alone. */
export function placeOf(storage: string, folder: string): string {
  const [, given] = /^file:(?!\/\/)(.+)$/.exec(storage) ?? []
  if (given === undefined) return storage
  const path = resolve(folder, given)
  closeSync(openSync(path, 'a', 0o600))
  return `file:${path}`
}

function keysOf({ folder }: Terminal, { administratorKeys: file }: AuthoritySettings) {
  return file === undefined ? {} : { keys: fromFile(resolve(folder, file)) }
}

/** Files are read anew for each review: they grow. */
function decisionsOf({ folder }: Terminal, { decisions: files }: AuthoritySettings) {
  if (files.length === 0) return {}
  return {
    decisions: async function* readFiles(): AsyncGenerator<string> {
      for (const file of files) yield* readLines(resolve(folder, file))
    },
  }
}

/** A file that is not there would make everything look unused. @throws Unavailable `audit_unavailable` */
async function* readLines(path: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  } catch (error) {
    throw new Unavailable('audit_unavailable', 'trail', 'the trail of a door cannot be read', { cause: error })
  }
}

function serve(authority: Authority, health: AuthorityHealth, streams: Set<ServerResponse>): RequestListener {
  return (message, response) => {
    const path = message.url?.split('?', 1)[0] ?? ''
    if (path === '/healthz' || path === '/readyz') return void health.answer(path, response)
    if (STREAM.test(path)) {
      streams.add(response)
      response.once('close', () => streams.delete(response))
    }
    void authority.handle(message, response)
  }
}

/** What lasts as long as its door. */
const STREAM = /^\/doors\/[^/]+\/events$/
