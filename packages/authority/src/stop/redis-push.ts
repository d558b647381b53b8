import {
  createSender,
  type RedisClient,
  readRedisTail,
  requireDuplicable,
  type SendCommand,
  systemClock,
  withDeadline,
} from '@countermark/core/internal'
import type { Kysely } from 'kysely'
import { type DoorEvent, findLastSeq, listDoorEvents } from './door-events.ts'
import type { StopTables } from './stop-tables.ts'

/** Where lines for doors are pushed, besides the streams of this process. */
export interface PushOptions {
  /** A client of ioredis or node-redis, of one server or a cluster; made, connected and closed by you. */
  readonly redis: RedisClient
  /** The key of the stream; doors name the same one. @default 'countermark:stops' */
  readonly stream?: string
}

/** Writes lines into a stream of Redis, and hears of those that other processes write. */
export interface RedisPush {
  /** Says that something may have been committed here. */
  readonly poke: () => void
  /** Begins to write and to listen. */
  readonly start: () => void
  readonly close: () => void
}

/** What it is made of. */
export interface RedisPushOptions extends Required<PushOptions> {
  readonly reads: Kysely<StopTables>
  /** Told when another process has written a line. */
  readonly heard: () => void
  /** Told once of Redis that cannot be asked, until it can be asked again. */
  readonly report: (error: unknown) => void
}

const OWNER = 'push.redis'
const BEAT_MS = 1000
const DEADLINE_MS = 1000
const BATCH = 500
/** Of a stream that begins, and of one that is far behind: doors ask the authority for what is older. */
const MOST_BEHIND = 1000
const MOST_KEPT = '10000'
const SILENCE_MS = 5000

/**
 * Creates it. The id of an entry is the number of its line, so that each line is written once and in order, by any number of
 * processes: whoever comes second is refused by Redis. Signs of life stand between them, with the number that they follow.
 */
export function createRedisPush(options: RedisPushOptions): RedisPush {
  const { redis, stream, reads, heard, report } = options
  requireDuplicable(OWNER, redis)
  const send = createSender(OWNER, redis)
  const closing = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const tellFault = createFaultTeller(report)
  const publish = createPublisher({ send, stream, reads }, tellFault)
  return {
    poke: () => {
      if (timer !== undefined) publish('lines')
    },
    start: () => {
      if (timer !== undefined) return
      timer = setInterval(() => publish('beat'), BEAT_MS).unref()
      publish('beat')
      void listen({ redis, stream, heard }, closing.signal, tellFault)
    },
    close: () => {
      clearInterval(timer)
      timer = undefined
      closing.abort()
    },
  }
}

interface FaultTeller {
  readonly failed: (error: unknown) => void
  readonly worked: () => void
}

function createFaultTeller(report: (error: unknown) => void): FaultTeller {
  let isFailing = false
  return {
    failed: (error) => {
      if (!isFailing) report(new Error('stops are not pushed by Redis; doors are told otherwise', { cause: error }))
      isFailing = true
    },
    worked: () => {
      isFailing = false
    },
  }
}

interface PublisherOptions {
  readonly send: SendCommand
  readonly stream: string
  readonly reads: Kysely<StopTables>
}

/** One writing at a time; what asks for one meanwhile gets another. */
function createPublisher(options: PublisherOptions, { failed, worked }: FaultTeller): (what: 'lines' | 'beat') => void {
  let wanted: 'no' | 'lines' | 'beat' = 'no'
  let isRunning = false
  const run = async (): Promise<void> => {
    isRunning = true
    while (wanted !== 'no') {
      const isBeat = wanted === 'beat'
      wanted = 'no'
      await publishOnce(options, isBeat).then(worked, failed)
    }
    isRunning = false
  }
  return (what) => {
    if (wanted !== 'beat') wanted = what
    if (!isRunning) void run()
  }
}

async function publishOnce({ send, stream, reads }: PublisherOptions, isBeat: boolean): Promise<void> {
  // The stream first: what it holds was committed before, so that a database that knows less was set back.
  const top = parseEntryId(firstId(await withDeadline(send('XREVRANGE', stream, '+', '-', 'COUNT', '1'), DEADLINE_MS)))
  const last = await findLastSeq(reads)
  if (top.seq > last) await withDeadline(send('DEL', stream), DEADLINE_MS)
  let done = Math.max(top.seq > last ? 0 : top.seq, last - MOST_BEHIND)
  while (done < last) {
    const lines = await listDoorEvents(reads, done, BATCH)
    await withDeadline(addAll(send, stream, lines), DEADLINE_MS)
    done = lines.at(-1)?.seq ?? last
  }
  if (!isBeat) return
  const beat = Math.max(systemClock.wallMs(), top.seq === done ? top.part + 1 : 1)
  if (top.seq === done && top.part > systemClock.wallMs() - BEAT_MS / 2) return
  await withDeadline(add(send, stream, `${done}-${beat}`, ['alive', '1']), DEADLINE_MS)
}

/** Sent in one tick, they travel together and are carried out in order. */
async function addAll(send: SendCommand, stream: string, lines: readonly DoorEvent[]): Promise<void> {
  await Promise.all(lines.map((line) => add(send, stream, `${line.seq}-0`, ['line', JSON.stringify(line)])))
}

async function add(send: SendCommand, stream: string, id: string, field: readonly [string, string]): Promise<void> {
  try {
    await send('XADD', stream, 'MAXLEN', '~', MOST_KEPT, id, ...field)
  } catch (error) {
    // Another process has written it: Redis takes ids in order only.
    if (!/equal or smaller/.test(String(error))) throw error
  }
}

const PAUSE_MS = 1000

async function listen(
  { redis: client, stream, heard }: Pick<RedisPushOptions, 'redis' | 'stream' | 'heard'>,
  signal: AbortSignal,
  { failed }: FaultTeller,
): Promise<void> {
  while (!signal.aborted) {
    const tail = { owner: OWNER, client, stream, after: '$', silenceMs: SILENCE_MS, signal }
    await readRedisTail(tail, (entries) => {
      if (entries.some(({ fields }) => fields.has('line'))) heard()
      return true
    }).catch(failed)
    if (!signal.aborted) await pause(PAUSE_MS, signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms).unref()
    signal.addEventListener('abort', end)
  })
}

function firstId(answer: unknown): unknown {
  const [entry] = Array.isArray(answer) ? answer : []
  return Array.isArray(entry) ? entry[0] : undefined
}

function parseEntryId(id: unknown): { readonly seq: number; readonly part: number } {
  const [, seq, part] = /^(\d+)-(\d+)$/.exec(String(id)) ?? []
  return { seq: Number(seq ?? 0), part: Number(part ?? 0) }
}
