import { Misconfigured } from '@countermark/core'
import {
  createSender,
  custom,
  flag,
  number,
  optionTable,
  type RedisClient,
  requireOneServer,
  type SendCommand,
  text,
  withDeadline,
} from '@countermark/core/internal'
import type { PlacedRecord } from '../record/chain.ts'
import { type ClosableSink, createSerialSink, takeBatches } from './sink.ts'

/** Options of {@link redisStreamSink}. */
export interface RedisStreamSinkOptions {
  /** A client of ioredis or node-redis, made, connected and closed by you. */
  readonly client: RedisClient
  /** The key of the stream. @default 'countermark:audit' */
  readonly stream?: string
  /** Keeps about so many of the newest entries and drops the others. @default every entry is kept */
  readonly maxLength?: number
  /**
   * Says that this server writes every command to its disk before it answers (`appendonly yes`, `appendfsync always`), so that
   * what it took is held; `ready()` asks whether it does. @default false
   */
  readonly durable?: boolean
  /** How long one batch waits for Redis at most. @default 1000 */
  readonly deadlineMs?: number
}

/**
 * Adds each record once. What a chain wrote last without a gap is remembered; inside that range a record that comes again is
 * passed over, and any other is added: one too many, at worst, never one too few.
 */
const ADD_SCRIPT = `
local from, to = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+)-(%d+)$')
from, to = tonumber(from), tonumber(to)
local maxLength = ARGV[2]
for i = 4, #ARGV, 3 do
  local seq = tonumber(ARGV[i])
  if not (from and seq >= from and seq <= to) then
    local fields = { '*', 'chain', ARGV[1], 'seq', ARGV[i], 'type', ARGV[i + 1], 'line', ARGV[i + 2] }
    if maxLength == '' then redis.call('XADD', KEYS[1], unpack(fields))
    else redis.call('XADD', KEYS[1], 'MAXLEN', '~', maxLength, unpack(fields)) end
    if to and seq == to + 1 then to = seq else from, to = seq, seq end
  end
end
redis.call('SET', KEYS[2], string.format('%.0f-%.0f', from, to), 'PX', ARGV[3])
return 1
`

const OPTIONS = optionTable('redisStreamSink', {
  client: custom((_, given) => given as RedisClient),
  stream: text('countermark:audit'),
  maxLength: number({ min: 1 }),
  durable: flag(false),
  deadlineMs: number({ min: 1, max: 60_000, default: 1000 }),
})

const LIMITS = { maxRecords: 200, maxBytes: 1_000_000 }
/** A batch that failed is tried again much sooner. */
const REMEMBERED_MS = 7 * 24 * 3600 * 1000

/**
 * Adds records to a stream of Redis or Valkey, with the fields `chain`, `seq`, `type` and `line`. Consumer groups read it at
 * their own pace.
 * @example
 * redisStreamSink({ client: new Redis(), stream: 'audit' })
 */
export function redisStreamSink(options: RedisStreamSinkOptions): ClosableSink<PlacedRecord> {
  const { client, stream, maxLength, durable, deadlineMs } = OPTIONS.read(options)
  const send = createSender('redisStreamSink', client)
  requireOneServer('redisStreamSink', client)
  return createSerialSink({
    name: 'redis-stream',
    durable,
    ready: async () => {
      await withDeadline(durable ? requireDurableRedis(send) : send('PING'), deadlineMs)
    },
    write: async (records) => {
      for (const batch of takeBatches(records, LIMITS)) {
        await withDeadline(addBatch(send, { stream, maxLength }, batch), deadlineMs)
      }
    },
  })
}

async function addBatch(
  send: SendCommand,
  { stream, maxLength }: { readonly stream: string; readonly maxLength: number | undefined },
  batch: readonly PlacedRecord[],
): Promise<void> {
  const chain = batch[0]?.chain ?? ''
  const fixed = [chain, maxLength === undefined ? '' : String(maxLength), String(REMEMBERED_MS)]
  const records = batch.flatMap(({ seq, record, line }) => [String(seq), record.type, line])
  await send('EVAL', ADD_SCRIPT, '2', stream, `${stream}:last:${chain}`, ...fixed, ...records)
}

/**
 * Refuses a server that answers before its disk has what it was told. A server that tells nothing of its settings, as managed
 * ones do, is believed.
 */
async function requireDurableRedis(send: SendCommand): Promise<void> {
  await send('PING')
  const [appendOnly, appendFsync] = await Promise.all([
    readSetting(send, 'appendonly'),
    readSetting(send, 'appendfsync'),
  ])
  if (appendOnly !== 'no' && (appendFsync === undefined || appendFsync === 'always')) return
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    'this Redis answers before its disk has the record; set appendonly yes and appendfsync always, or leave durable out',
  )
}

async function readSetting(send: SendCommand, name: string): Promise<unknown> {
  const answer = await send('CONFIG', 'GET', name).catch(() => undefined)
  return Array.isArray(answer) ? answer[1] : undefined
}
