import { createHash, randomBytes } from 'node:crypto'
import { requireKnownOptions, requireNumber } from '@countermark/core'
import { clearKeys, createAskRedis, createSender, type RedisClient } from '@countermark/core/internal'
import { REDIS_ANSWER_METRIC_ROWS } from '../metric-rows.ts'
import { REPLACE_SCRIPT, TAKE_SCRIPT, TAKEN } from './answer-scripts.ts'
import type { AnswerStore, KeptAnswer, KeyedRequest, KeyState } from './answer-store.ts'

/** Options of {@link redisAnswers}. */
export interface RedisAnswersOptions {
  /** A client of ioredis or node-redis, for one server or a cluster; made, connected and closed by you. */
  readonly client: RedisClient
  /**
   * Begins the name of every key, `countermark:answer:` and the name of the service by default: services that share a
   * Redis server do not meet.
   * @default 'countermark:answer:' and the first of `authorities`
   */
  readonly prefix?: string
  /** How long a request waits for Redis at most, whatever the client's own settings. @default 50 */
  readonly deadlineMs?: number
  /** How long keys and answers are kept. @default 86_400 */
  readonly keepSeconds?: number
  /** Keys of one agent within `keepSeconds`. @default 10_000 */
  readonly maxKeysPerAgent?: number
  /** Bytes of all answers to one agent within `keepSeconds`; of an answer beyond, only that there was one is kept. @default 8_388_608 */
  readonly maxBytesPerAgent?: number
}

const PREFIX = 'countermark:answer:'
const KNOWN = ['client', 'prefix', 'deadlineMs', 'keepSeconds', 'maxKeysPerAgent', 'maxBytesPerAgent']

interface Kept {
  readonly fingerprint: string
  /** Whose first request is being worked on; `undefined` once there was an answer. */
  readonly token?: string
  /** `undefined` when the answer was too large to keep. */
  readonly answer?: { readonly status: number; readonly headers: KeptAnswer['headers']; readonly body: string }
}

/** A store that a test can empty. */
export interface RedisAnswers extends AnswerStore {
  readonly clear: () => Promise<void>
}

/**
 * Keeps keys and answers in Redis, for any number of processes. Give it a server that throws no keys away when it is full: a
 * forgotten key is a request that runs twice.
 * @example
 * const idempotent = idempotency({ store: redisAnswers({ client: new Redis() }) })
 */
export function redisAnswers(options: RedisAnswersOptions): RedisAnswers {
  requireKnownOptions('redisAnswers', options, KNOWN)
  const { client, maxKeysPerAgent = 10_000, maxBytesPerAgent = 8_388_608 } = options
  const send = createSender('redisAnswers', client)
  const deadlineMs = requireNumber('deadlineMs', options.deadlineMs ?? 50, { min: 1, max: 60_000 })
  const keepMs = requireNumber('keepSeconds', options.keepSeconds ?? 86_400, { min: 1, max: 2_592_000 }) * 1000
  const limits = [
    Math.ceil(keepMs),
    requireNumber('maxKeysPerAgent', maxKeysPerAgent, { min: 1 }),
    requireNumber('maxBytesPerAgent', maxBytesPerAgent, { min: 0 }),
  ].map(String)
  const code = 'idempotency_store_unavailable'
  const askRedis = createAskRedis({ send, deadlineMs, code, dependency: 'idempotency' })
  return {
    name: 'redis',
    metrics: REDIS_ANSWER_METRIC_ROWS,
    clear: () => clearKeys('redisAnswers', client, options.prefix ?? PREFIX),
    begin: async (request, environment) => {
      const { fingerprint } = request
      const { prefix = `${PREFIX}${environment.service()}:` } = options
      const keys = namesOf(prefix, request)
      const taken = JSON.stringify({ fingerprint, token: randomBytes(12).toString('base64url') })
      const unkept = JSON.stringify({ fingerprint })
      const replace = async (value: string): Promise<void> => {
        await askRedis(environment, ['EVAL', REPLACE_SCRIPT, '2', ...keys, taken, value, unkept, ...limits])
      }
      const before = await askRedis(environment, ['EVAL', TAKE_SCRIPT, '2', ...keys, taken, ...limits], (late) => {
        // The caller was told that nothing was done, so its key must be free again.
        if (late === TAKEN) replace('').catch(() => undefined)
      })
      if (typeof before === 'string') return stateOf(before, request)
      if (before !== TAKEN) return { state: 'over_quota' }
      return {
        state: 'first',
        finish: (answer) => replace(JSON.stringify({ fingerprint, ...writtenAnswer(answer) })),
        abandon: () => replace(''),
      }
    },
  }
}

/** The answer's key, and that of what its agent takes up; the braces keep both on one server of a cluster. */
function namesOf(prefix: string, { id, agentId }: KeyedRequest): readonly [string, string] {
  const agent = `${prefix}{${createHash('sha256').update(agentId).digest('base64url').slice(0, 22)}}`
  return [`${agent}:${id}`, `${agent}:usage`]
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
