import {
  createSender,
  custom,
  number,
  optionTable,
  type RedisClient,
  text,
  withDeadline,
} from '@countermark/core/internal'
import type { RiskEventSource } from './event-source.ts'

/** Options of {@link redisEvents}. */
export interface RedisEventsOptions {
  /** A client of ioredis or node-redis, made, connected and closed by you. */
  readonly client: RedisClient
  /** The key of the stream that `redisStreamSink` writes. @default 'countermark:audit' */
  readonly stream?: string
  /** How long one question may take. Milliseconds. @default 1_000 */
  readonly deadlineMs?: number
}

const OPTIONS = optionTable('redisEvents', {
  client: custom((_, given) => given as RedisClient),
  stream: text('countermark:audit'),
  deadlineMs: number({ min: 1, max: 60_000, default: 1000 }),
})
const ID = /^\d{1,20}-\d{1,20}$/
const MOST = '500'

/**
 * Reads events from a stream of Redis or Valkey, from its beginning unless a snapshot says how far it was read.
 * @throws Misconfigured
 */
export function redisEvents(options: RedisEventsOptions): RiskEventSource {
  const { client, stream, deadlineMs } = OPTIONS.read(options)
  const send = createSender('redisEvents', client)
  let last = '0-0'
  return {
    name: 'redis-stream',
    id: stream,
    position: () => last,
    resume: (position) => {
      if (ID.test(position)) last = position
    },
    read: async (take) => {
      const answer = await withDeadline(send('XRANGE', stream, `(${last}`, '+', 'COUNT', MOST), deadlineMs)
      const entries = Array.isArray(answer) ? answer.map(readEntry) : []
      if (entries.length === 0) return false
      take(entries.map(({ line }) => line))
      last = entries.at(-1)?.id ?? last
      return true
    },
  }
}

/** An entry is its id and a flat list of fields; one without a line counts as unreadable. */
function readEntry(entry: unknown): { readonly id: string; readonly line: string } {
  const [id, fields]: readonly unknown[] = Array.isArray(entry) ? entry : []
  if (typeof id !== 'string' || !ID.test(id)) throw new TypeError('Redis answers with what is no entry of a stream')
  const list: readonly unknown[] = Array.isArray(fields) ? fields : []
  const at = list.findIndex((field, index) => index % 2 === 0 && field === 'line')
  return { id, line: at < 0 ? '' : String(list[at + 1]) }
}
