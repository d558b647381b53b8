import { randomBytes } from 'node:crypto'
import { type Environment, requireKnownOptions, requireNumber } from '@countermark/core'
import {
  type AskRedis,
  createAskRedis,
  createSender,
  type RedisClient,
  requireOneServer,
} from '@countermark/core/redis'
import { REDIS_ANSWER_METRIC_ROWS } from '../metric-rows.ts'
import type { AnswerStore, KeptAnswer, KeyedRequest, KeyState } from './answer-store.ts'

/** Options of {@link redisAnswers}. */
export interface RedisAnswersOptions {
  /** A client of ioredis or node-redis, made, connected and closed by you. */
  readonly client: RedisClient
  /** Begins the name of every key. @default 'countermark:answer:' */
  readonly prefix?: string
  /** How long a request waits for Redis at most, whatever the client's own settings. @default 50 */
  readonly deadlineMs?: number
  /** How long keys and answers are kept. @default 86_400 */
  readonly keepSeconds?: number
}

/** Takes a key, or answers what stands there. */
const TAKE_SCRIPT = `
local before = redis.call('GET', KEYS[1])
if before then return before end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
`

/** Changes what is kept only while it is still the taker's own. */
const REPLACE_SCRIPT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', math.max(1, redis.call('PTTL', KEYS[1])))
return 1
`

interface Kept {
  readonly fingerprint: string
  /** Whose first request is being worked on; `undefined` once there was an answer. */
  readonly token?: string
  /** `undefined` when the answer was too large to keep. */
  readonly answer?: { readonly status: number; readonly headers: KeptAnswer['headers']; readonly body: string }
}

/**
 * Keeps keys and answers in Redis, for any number of processes. Give it a server that throws no keys away when it is full: a
 * forgotten key is a request that runs twice.
 * @example
 * const idempotent = idempotency({ store: redisAnswers({ client: new Redis() }) })
 */
export function redisAnswers(options: RedisAnswersOptions): AnswerStore {
  requireKnownOptions('redisAnswers', options, ['client', 'prefix', 'deadlineMs', 'keepSeconds'])
  const { client, prefix = 'countermark:answer:' } = options
  const send = createSender('redisAnswers', client)
  requireOneServer('redisAnswers', client)
  const deadlineMs = requireNumber('deadlineMs', options.deadlineMs ?? 50, { min: 1, max: 60_000 })
  const keepMs = requireNumber('keepSeconds', options.keepSeconds ?? 86_400, { min: 1, max: 2_592_000 }) * 1000
  const code = 'idempotency_store_unavailable'
  const askRedis = createAskRedis({ send, deadlineMs, code, dependency: 'idempotency' })
  return {
    name: 'redis',
    metrics: REDIS_ANSWER_METRIC_ROWS,
    begin: async (request, environment) => {
      const key = prefix + request.id
      const taken = JSON.stringify({ fingerprint: request.fingerprint, token: randomBytes(12).toString('base64url') })
      const asked = { askRedis, environment }
      const command = ['EVAL', TAKE_SCRIPT, '1', key, taken, String(Math.ceil(keepMs))] as const
      const before = await askRedis(environment, command, (late) => {
        // The caller was told that nothing was done, so its key must be free again.
        if (typeof late !== 'string') replace(key, taken, '', asked).catch(() => undefined)
      })
      if (typeof before === 'string') return stateOf(before, request)
      const { fingerprint } = request
      return {
        state: 'first',
        finish: (answer) => replace(key, taken, JSON.stringify({ fingerprint, ...writtenAnswer(answer) }), asked),
        abandon: () => replace(key, taken, '', asked),
      }
    },
  }
}

interface Asked {
  readonly askRedis: AskRedis
  readonly environment: Environment
}

async function replace(key: string, taken: string, value: string, { askRedis, environment }: Asked): Promise<void> {
  await askRedis(environment, ['EVAL', REPLACE_SCRIPT, '1', key, taken, value])
}

function writtenAnswer(answer: KeptAnswer | undefined): Pick<Kept, 'answer'> {
  if (answer === undefined) return {}
  const { status, headers, body } = answer
  return { answer: { status, headers, body: Buffer.from(body).toString('base64') } }
}

/** What stands there was written by a store like this one. */
function stateOf(text: string, request: KeyedRequest): KeyState {
  const { fingerprint, token, answer }: Kept = JSON.parse(text)
  if (fingerprint !== request.fingerprint) return { state: 'reused' }
  if (token !== undefined) return { state: 'running' }
  if (answer === undefined) return { state: 'unkept' }
  return { state: 'answered', answer: { ...answer, body: Buffer.from(answer.body, 'base64') } }
}
