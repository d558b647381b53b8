import { Misconfigured } from '@countermark/core'

/** What is used of an ioredis client. */
export interface IoredisClient {
  readonly call: (command: string, ...args: string[]) => Promise<unknown>
}

/** What is used of a node-redis client. */
export interface NodeRedisClient {
  readonly sendCommand: (args: string[]) => Promise<unknown>
}

/** A client of one Redis server: of ioredis or of node-redis, made, connected and closed by you. */
export type RedisClient = IoredisClient | NodeRedisClient

/** Sends one command. */
export type SendCommand = (...command: readonly [string, ...string[]]) => Promise<unknown>

/**
 * The one way to send a command through either client. ioredis has a `sendCommand`, too, which takes something else.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function createSender(owner: string, client: RedisClient): SendCommand {
  const fix = 'pass a client of ioredis (new Redis()) or node-redis (createClient()) that talks to one server'
  const isClient = typeof client === 'object' && client !== null && ('call' in client || 'sendCommand' in client)
  if (!isClient) throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs a client; ${fix}`)
  // A cluster of ioredis, a cluster of node-redis: keys of one request may lie on several of its servers.
  if (Reflect.get(client, 'isCluster') === true || Reflect.get(client, 'slots') !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', `${owner} cannot use a cluster; ${fix}`)
  }
  if ('call' in client) return async (name, ...args) => client.call(name, ...args)
  return async (...command) => client.sendCommand([...command])
}
