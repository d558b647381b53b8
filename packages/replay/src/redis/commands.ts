import { Misconfigured } from '@countermark/core'
import { createSender, isRedisCluster, type RedisClient, type SendCommand } from '@countermark/core/internal'
import { isNotPermitted } from './server-snapshot.ts'

/** A claim as it is written: the process whose token stands at the key made it. */
export interface Attempt {
  readonly key: string
  readonly token: string
}

/** What a claim is sent with. */
export interface ClaimCommand extends Attempt {
  readonly ttlMs: number
  readonly epochKey: string
}

/** What Redis has once a claim was sent, read in one step. */
export interface ClaimReply {
  /** The token that stands at the key. */
  readonly holder: unknown
  readonly epoch: unknown
  /** Which server answered. `undefined` where one connection leads to one server. */
  readonly identity: unknown
}

/** How Redis is asked: as one server, or as a cluster. */
export interface RedisCommands {
  readonly send: SendCommand
  /** The beginnings of names of keys that lie on one server together, claims and their epoch. */
  readonly slots: readonly string[]
  /** Claims in one round trip, unless the key is taken. */
  readonly claim: (command: ClaimCommand) => Promise<ClaimReply>
  /** Asks the server of a slot what it says of itself (`INFO`, `undefined` where this user may not ask), and its time. */
  readonly inspect: (slot: string) => Promise<{ readonly info: unknown; readonly time: unknown }>
}

/** The commands for a client, made for what it talks to. */
export function createCommands(client: RedisClient, prefix: string): RedisCommands {
  const send = createSender('redisReplayStore', client)
  return isRedisCluster(client) ? clusterCommands(send, prefix) : serverCommands(send, prefix)
}

/** `SET NX` writes the token unless there is one, and `MGET` reads whose token stands, and the epoch. */
function serverCommands(send: SendCommand, prefix: string): RedisCommands {
  return {
    send,
    slots: [prefix],
    claim: async ({ key, token, ttlMs, epochKey }) => {
      const [, values] = await Promise.all([
        send('SET', key, token, 'NX', 'PX', String(ttlMs)),
        send('MGET', key, epochKey),
      ])
      const [holder, epoch] = Array.isArray(values) ? values : []
      return { holder, epoch, identity: undefined }
    },
    inspect: async () => {
      const told = send('INFO').catch((error: unknown) => {
        if (isNotPermitted(error)) return undefined
        throw error
      })
      const [info, time] = await Promise.all([told, send('TIME')])
      return { info, time }
    },
  }
}

/** Hash tags whose slots lie evenly over the 16,384 of a cluster: up to 16 servers share the claims. */
const TAGS = 'ma qp dj wz lg pv uh iy ly ph uv yc rz qn dt ha'.split(' ')

/** A cluster moves slots between servers while connections stay, so each claim asks which server it is on, in the same step. */
const CLAIM_SCRIPT = `redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), server .. '.' .. history}`

const INSPECT_SCRIPT = `return {redis.call('INFO'), redis.call('TIME')}`

function clusterCommands(send: SendCommand, prefix: string): RedisCommands {
  const run = async (script: string, keys: readonly string[], ...values: string[]): Promise<readonly unknown[]> => {
    const answer = await send('EVAL', script, String(keys.length), ...keys, ...values).catch(explain)
    return Array.isArray(answer) ? answer : []
  }
  return {
    send,
    slots: TAGS.map((tag) => `${prefix}{${tag}}`),
    claim: async ({ key, token, ttlMs, epochKey }) => {
      const [holder, epoch, identity] = await run(CLAIM_SCRIPT, [key, epochKey], token, String(ttlMs))
      return { holder, epoch, identity }
    },
    inspect: async (slot) => {
      const [info, time] = await run(INSPECT_SCRIPT, [slot])
      return { info, time }
    },
  }
}

/** Without INFO nothing tells that a slot has another server, so there is no way to do without it here. */
function explain(error: unknown): never {
  if (!isNotPermitted(error)) throw error
  throw new Misconfigured(
    'ERR_REPLAY_STORE_UNSAFE',
    'in a Redis Cluster the user needs +eval +get +set +pexpire +info +time; grant them, or use one server',
  )
}
