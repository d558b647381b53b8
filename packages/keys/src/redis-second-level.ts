import { Misconfigured, requireKnownOptions } from '@countermark/core'
import type { SecondLevel } from '@countermark/outbound'

/** What is used of ioredis. */
export interface IoredisClient {
  readonly call: (command: string, ...commandArguments: string[]) => Promise<unknown>
}

/** What is used of node-redis. */
export interface NodeRedisClient {
  readonly sendCommand: (command: string[]) => Promise<unknown>
}

/** Options of {@link redisSecondLevel}. */
export interface RedisSecondLevelOptions {
  /** Begins every key. @default 'countermark:keys:' */
  readonly prefix?: string
}

/**
 * Shares fetched key documents between processes in Redis or Valkey. The client stays the application's own: it is
 * neither connected nor closed here. Whoever may write to that server may vouch for keys, so guard it accordingly.
 * @example registry(url, { secondLevel: redisSecondLevel(new Redis()) })
 * @throws {@link Misconfigured}
 */
export function redisSecondLevel(
  client: IoredisClient | NodeRedisClient,
  options: RedisSecondLevelOptions = {},
): SecondLevel {
  requireKnownOptions('redisSecondLevel', options, ['prefix'])
  const { prefix = 'countermark:keys:' } = options
  const send = toSend(client)
  return {
    get: async (key) => {
      const value = await send(['GET', prefix + key])
      if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
      return typeof value === 'string' ? value : undefined
    },
    set: async (key, value, ttlMs) => {
      await send(['SET', prefix + key, value, 'PX', String(Math.max(1, Math.ceil(ttlMs)))])
    },
  }
}

/** ioredis has both functions, of which `sendCommand` takes something else; node-redis has only the one. */
function toSend(
  client: IoredisClient | NodeRedisClient,
): (command: readonly [string, ...string[]]) => Promise<unknown> {
  if ('call' in client && typeof client.call === 'function') return ([name, ...rest]) => client.call(name, ...rest)
  if ('sendCommand' in client && typeof client.sendCommand === 'function') {
    return (command) => client.sendCommand([...command])
  }
  throw new Misconfigured('ERR_OPTION_INVALID', 'redisSecondLevel takes a client of ioredis or node-redis')
}
