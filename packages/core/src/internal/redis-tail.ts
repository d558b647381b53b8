import { systemClock } from '../environment.ts'
import { Misconfigured } from '../misconfigured.ts'
import { withDeadline } from './deadline.ts'
import { createSender, isRedisCluster, type RedisClient } from './redis.ts'

/** One entry of a stream. */
export interface RedisEntry {
  readonly id: string
  readonly fields: ReadonlyMap<string, string>
}

/** How a stream is read as it grows. */
export interface RedisTailOptions {
  /** The option that the client was passed by, for messages. */
  readonly owner: string
  /** Its connection is opened once more: a reader that waits for entries holds one of its own. */
  readonly client: RedisClient
  /** The key of the stream. */
  readonly stream: string
  /** Entries behind this id are read. */
  readonly after: string
  /** Without any entry for so long the reader gives up. Milliseconds. */
  readonly silenceMs: number
  readonly signal: AbortSignal
}

const COUNT = '500'
const WAIT_MS = 1000

/**
 * Reads a stream as entries come, over a connection of its own, until `take` answers `false` or `signal` is aborted.
 * @throws Error when Redis does not answer, or is silent for `silenceMs`
 */
export async function readRedisTail(
  options: RedisTailOptions,
  take: (entries: readonly RedisEntry[]) => boolean,
): Promise<void> {
  const { owner, client, stream, after, silenceMs, signal } = options
  const reader = openAgain(owner, client)
  const abort = (): void => reader.close()
  signal.addEventListener('abort', abort)
  try {
    await withDeadline(Promise.race([reader.connect(), reader.lost]), silenceMs)
    const send = createSender(owner, reader.client)
    let last = after
    let heardMs = systemClock.monotonicMs()
    while (!signal.aborted) {
      const wait = String(Math.min(WAIT_MS, silenceMs))
      const asked = send('XREAD', 'BLOCK', wait, 'COUNT', COUNT, 'STREAMS', stream, last)
      const answer = await withDeadline(Promise.race([asked, reader.lost]), silenceMs + WAIT_MS)
      const entries = readEntries(answer)
      last = entries.at(-1)?.id ?? last
      if (entries.length > 0) heardMs = systemClock.monotonicMs()
      else if (systemClock.monotonicMs() - heardMs > silenceMs) throw new Error('the stream in Redis is silent')
      if (!signal.aborted && entries.length > 0 && !take(entries)) return
    }
  } catch (error) {
    // What was waiting when it was closed is no failure.
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', abort)
    reader.close()
  }
}

/** @throws {@link Misconfigured} where no further connection can be opened */
export function requireDuplicable(owner: string, client: RedisClient): void {
  createSender(owner, client)
  if (typeof Reflect.get(client, 'duplicate') === 'function') return
  const fix = 'pass a client of ioredis (new Redis()) or node-redis (createClient()) itself'
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} opens a connection of its own; ${fix}`)
}

interface Reader {
  readonly client: RedisClient
  readonly connect: () => Promise<unknown>
  /** Rejects when the connection ends: the client would open another one by itself, later. */
  readonly lost: Promise<never>
  readonly close: () => void
}

function openAgain(owner: string, client: RedisClient): Reader {
  requireDuplicable(owner, client)
  const again: object = Reflect.get(client, 'duplicate').call(client, ...changesOf(client))
  const call = (name: string): unknown => Reflect.get(again, name)?.call(again)
  const on = (event: string, listener: () => void): unknown => Reflect.get(again, 'on').call(again, event, listener)
  on('error', () => undefined)
  const lost = new Promise<never>((_resolve, reject) => {
    for (const event of ['close', 'end', 'reconnecting'])
      on(event, () => reject(new Error('the connection to Redis ended')))
  })
  lost.catch(() => undefined)
  const isNodeRedis = 'isOpen' in again
  let isClosed = false
  return {
    client: again as RedisClient,
    lost,
    connect: async () => (isNodeRedis ? call('connect') : undefined),
    close: () => {
      // Asked twice, ioredis waits for the end of a connection that has ended, and keeps the process alive meanwhile.
      if (isClosed) return
      isClosed = true
      // ioredis, node-redis since 5, node-redis before.
      if (!isNodeRedis) call('disconnect')
      else if (Reflect.get(again, 'isOpen') === true) {
        const ended = 'destroy' in again ? call('destroy') : call('disconnect')
        Promise.resolve(ended).catch(() => undefined)
      }
    },
  }
}

/** ioredis gives a connection that is closed, or was lost, two seconds to end; nothing is written here that could be lost. */
function changesOf(client: RedisClient): readonly object[] {
  const isOneIoredis = 'call' in client && !isRedisCluster(client)
  return isOneIoredis ? [{ disconnectTimeout: 50 }] : []
}

/** The entries of the one stream: RESP2 answers a list of pairs, RESP3 a map, which clients hand on as it is or as a flat list. */
function readEntries(answer: unknown): readonly RedisEntry[] {
  const entries = entriesOf(answer)
  if (!Array.isArray(entries)) return []
  return entries.map(([id, pairs]: readonly [unknown, unknown]) => ({ id: String(id), fields: readFields(pairs) }))
}

function entriesOf(answer: unknown): unknown {
  if (answer instanceof Map) return [...answer.values()][0]
  if (!Array.isArray(answer)) return Object.values(Object(answer))[0]
  const [first, second] = answer
  return Array.isArray(first) ? first[1] : second
}

function readFields(pairs: unknown): ReadonlyMap<string, string> {
  if (pairs instanceof Map) return new Map([...pairs].map(([name, value]) => [String(name), String(value)]))
  const flat = Array.isArray(pairs) ? pairs : Object.entries(Object(pairs)).flat()
  return new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), String(flat[index + 1])]] : [])))
}
