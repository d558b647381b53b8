import { hash, randomBytes } from 'node:crypto'
import {
  clearKeys,
  createAskRedis,
  createSender,
  custom,
  number,
  optionTable,
  type RedisClient,
  text,
} from '@countermark/core/internal'
import type { AnswerStore, KeptAnswer, KeyedRequest, KeyState } from './answer-store.ts'
import { REDIS_ROWS } from './metric-rows.ts'

/** Options of {@link redisAnswers}. */
export interface RedisAnswersOptions {
  /** A client of ioredis or node-redis, for one server or a cluster; made, connected and closed by you. */
  readonly client: RedisClient
  /**
   * Begins the name of every key, `countermark:answer:` and the name of the service by default: services that share a
   * Redis server do not meet.
   * @default 'countermark:answer:' and the first of `origins`
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
const OPTIONS = optionTable('redisAnswers', {
  client: custom((_, given) => given as RedisClient),
  prefix: text(),
  deadlineMs: number({ min: 1, max: 60_000, default: 50 }),
  keepSeconds: number({ min: 1, max: 2_592_000, default: 86_400 }),
  maxKeysPerAgent: number({ min: 1, default: 10_000 }),
  maxBytesPerAgent: number({ min: 0, default: 8_388_608 }),
})

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
  const { client, prefix: given, deadlineMs, keepSeconds, maxKeysPerAgent, maxBytesPerAgent } = OPTIONS.read(options)
  const send = createSender('redisAnswers', client)
  const limits = [Math.ceil(keepSeconds * 1000), maxKeysPerAgent, maxBytesPerAgent].map(String)
  const code = 'idempotency_store_unavailable'
  const askRedis = createAskRedis({ send, deadlineMs, code, dependency: 'idempotency' })
  return {
    name: 'redis',
    metrics: REDIS_ROWS,
    clear: () => clearKeys('redisAnswers', client, given ?? PREFIX),
    begin: async (request, environment) => {
      const { fingerprint } = request
      const keys = namesOf(given ?? `${PREFIX}${environment.service()}:`, request)
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
  const agent = `${prefix}{${hash('sha256', agentId, 'base64url').slice(0, 22)}}`
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

/** What {@link TAKE_SCRIPT} answers when the key was free. */
const TAKEN = 1

/**
 * Counts what an agent takes up by the time at which it was taken, in so many parts of the time that answers are kept: what
 * ends by itself is counted up to one part longer.
 */
const USAGE = `
local time = redis.call('TIME')
local parts = 24
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local function sliceAt(ms) return math.floor(ms * parts / keepMs) end
local slice = sliceAt(nowMs)
local used = {n = 0, b = 0}
local fields = redis.call('HGETALL', KEYS[2])
for i = 1, #fields, 2 do
  if tonumber(string.sub(fields[i], 3)) < slice - parts then
    redis.call('HDEL', KEYS[2], fields[i])
  else
    local kind = string.sub(fields[i], 1, 1)
    used[kind] = used[kind] + tonumber(fields[i + 1])
  end
end
local function add(kind, amount)
  redis.call('HINCRBY', KEYS[2], kind .. ':' .. string.format('%.0f', slice), amount)
  redis.call('PEXPIRE', KEYS[2], math.ceil(keepMs * (1 + 2 / parts)))
end
`

/**
 * Takes a key off where it was counted: counted off now, it would outlive its count, and make room for more than the limit.
 * How long it still stands says when it was taken, to a millisecond or so.
 */
const GIVE_BACK = `
local function giveBack()
  local taken = sliceAt(nowMs - keepMs + redis.call('PTTL', KEYS[1]))
  for _, off in ipairs({0, 1, -1}) do
    local field = 'n:' .. string.format('%.0f', taken + off)
    if tonumber(redis.call('HGET', KEYS[2], field) or '0') > 0 then return redis.call('HINCRBY', KEYS[2], field, -1) end
  end
end
`

/**
 * Takes a key, or answers what stands there. KEYS: the answer's, and what its agent takes up. ARGV: what to write, for how
 * many milliseconds, keys of one agent, bytes of one agent. Answers the text that stands there, 1 when the key was free and is
 * taken, 0 when the agent has too many.
 */
const TAKE_SCRIPT = `
local before = redis.call('GET', KEYS[1])
if before then return before end
local keepMs = tonumber(ARGV[2])
${USAGE}
if used.n >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
add('n', 1)
return 1
`

/**
 * Changes what is kept only while it is still the taker's own. ARGV: what stands there; the new text, nothing to free the key;
 * the text to write instead when the agent's answers take up too much; then as above.
 */
const REPLACE_SCRIPT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local keepMs = tonumber(ARGV[4])
${USAGE}
${GIVE_BACK}
if ARGV[2] == '' then
  giveBack()
  return redis.call('DEL', KEYS[1])
end
local value = ARGV[2]
if used.b + #value - #ARGV[3] > tonumber(ARGV[6]) then value = ARGV[3] end
add('b', #value - #ARGV[3])
redis.call('SET', KEYS[1], value, 'PX', math.max(1, redis.call('PTTL', KEYS[1])))
return 1
`
