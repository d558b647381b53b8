import { Misconfigured } from '@countermark/core'

/** What is used of an ioredis client. */
export interface IoredisClient {
  readonly call: (command: string, ...args: string[]) => Promise<unknown>
  readonly on: (event: string, listener: () => void) => unknown
  readonly off: (event: string, listener: () => void) => unknown
}

/** What is used of a node-redis client. */
export interface NodeRedisClient {
  readonly sendCommand: (args: string[]) => Promise<unknown>
  readonly on: (event: string, listener: () => void) => unknown
  readonly off: (event: string, listener: () => void) => unknown
}

/** A client of one Redis server: of ioredis or of node-redis, best with a connection of its own. */
export type RedisClient = IoredisClient | NodeRedisClient

/** Sends one command; commands sent in one tick travel together and are answered in order. */
export type SendCommand = (...command: readonly [string, ...string[]]) => Promise<unknown>

/** The one way to send a command through either client. ioredis has a `sendCommand`, too, which takes something else. */
export function createSender(client: RedisClient): SendCommand {
  if ('call' in client) return async (name, ...args) => client.call(name, ...args)
  return async (...command) => client.sendCommand([...command])
}

/**
 * Refuses clients that spread commands over several connections: what one of them says is not true of another.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireSingleConnection(client: RedisClient): void {
  const fix = 'pass a client of ioredis (new Redis()) or node-redis (createClient()) that talks to one server'
  const isClient = typeof client === 'object' && client !== null && ('call' in client || 'sendCommand' in client)
  if (!isClient) throw new Misconfigured('ERR_OPTION_MISSING', `redisReplayStore needs a client; ${fix}`)
  // In this order: a cluster of ioredis, a cluster of node-redis, a pool of node-redis.
  const member = (name: string): unknown => Reflect.get(client, name)
  if (member('isCluster') === true || member('slots') !== undefined || member('totalClients') !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', `redisReplayStore cannot use a cluster or a pool; ${fix}`)
  }
}
