import { Misconfigured } from '../misconfigured.ts'

/** What is used of an ioredis client. */
export interface IoredisClient {
  readonly call: (command: string, ...args: string[]) => Promise<unknown>
}

/** What is used of a node-redis client. */
export interface NodeRedisClient {
  readonly sendCommand: (args: string[]) => Promise<unknown>
}

/** A client of ioredis or of node-redis, made, connected and closed by the application. */
export type RedisClient = IoredisClient | NodeRedisClient

/** Sends one command; commands sent over one connection in one tick travel together and are answered in order. */
export type SendCommand = (...command: readonly [string, ...string[]]) => Promise<unknown>

const FIX = 'pass a client of ioredis (new Redis()) or node-redis (createClient())'

/**
 * The one way to send a command through either client. ioredis has a `sendCommand`, too, which takes something else.
 * @throws {@link Misconfigured} `ERR_OPTION_MISSING`, `ERR_OPTION_INVALID`
 */
export function createSender(owner: string, client: RedisClient): SendCommand {
  if (client === undefined || client === null) {
    throw new Misconfigured('ERR_OPTION_MISSING', `${owner} needs a client; ${FIX}`)
  }
  if (typeof client === 'object' && 'call' in client && typeof client.call === 'function') {
    return async (name, ...args) => client.call(name, ...args)
  }
  if (typeof client === 'object' && 'sendCommand' in client && typeof client.sendCommand === 'function') {
    return async (...command) => {
      requireConnected(owner, client)
      return client.sendCommand([...command])
    }
  }
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} takes another client; ${FIX}`)
}

/** node-redis connects only when it is told to; ioredis does by itself. */
function requireConnected(owner: string, client: object): void {
  if (Reflect.get(client, 'isOpen') !== false) return
  const fix = 'await client.connect() before the server listens'
  if (!told.has(client)) {
    told.add(client)
    process.emitWarning(`${owner}: the client of node-redis is not connected; ${fix}`, 'CountermarkWarning')
  }
  throw new Error(`the client of node-redis is not connected; ${fix}`)
}

/** Said once for each client: every request meets it again. */
const told = new WeakSet<object>()

/** Deletes every key that begins so; for tests, which begin with an empty store. */
export async function clearKeys(send: SendCommand, prefix: string): Promise<void> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`
  let cursor = '0'
  do {
    const answer: unknown = await send('SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')
    const [next, keys] = Array.isArray(answer) ? answer : ['0', []]
    if (Array.isArray(keys) && keys.length > 0) await send('UNLINK', ...keys.map(String))
    cursor = String(next)
  } while (cursor !== '0')
}

/**
 * Refuses clusters: the keys of one request may lie on several of their servers.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireOneServer(owner: string, client: RedisClient): void {
  if (!isCluster(client)) return
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} cannot use a cluster; ${FIX} that talks to one server`)
}

/**
 * Refuses clients that spread commands over several connections: what one of them says is not true of another.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireOneConnection(owner: string, client: RedisClient): void {
  const isPool = Reflect.get(client, 'totalClients') !== undefined
  if (!isPool && !isCluster(client)) return
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    `${owner} cannot use a cluster or a pool; ${FIX} that talks to one server`,
  )
}

/** Of ioredis, of node-redis. */
function isCluster(client: RedisClient): boolean {
  return Reflect.get(client, 'isCluster') === true || Reflect.get(client, 'slots') !== undefined
}
