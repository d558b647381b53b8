import type { Environment } from '../environment.ts'
import { Misconfigured } from '../misconfigured.ts'
import type { RefusalCode } from '../refusal/codes.ts'
import { Unavailable } from '../refusal/refusal.ts'
import { type BreakerRule, createCircuitBreaker } from './breaker.ts'
import { withDeadline } from './deadline.ts'

/** What is used of an ioredis client. */
export interface IoredisClient {
  readonly call: (command: string, ...args: string[]) => Promise<unknown>
}

/** What is used of a node-redis client. */
export interface NodeRedisClient {
  readonly sendCommand: (args: string[]) => Promise<unknown>
}

/** What is used of node-redis' client of a cluster. */
export interface NodeRedisCluster {
  readonly sendCommand: (
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: string[],
  ) => Promise<unknown>
  readonly masters: readonly unknown[]
}

/** A client of ioredis or of node-redis, of one server or of a cluster; made, connected and closed by the application. */
export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisCluster

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
      return isNodeCluster(client)
        ? client.sendCommand(firstKeyOf(command), false, [...command])
        : client.sendCommand([...command])
    }
  }
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} takes another client; ${FIX}`)
}

function isNodeCluster(client: object): client is NodeRedisCluster {
  return 'masters' in client
}

/** The key by which a cluster finds the server; a script has its text and the number of its keys in front, a reader its options. */
function firstKeyOf([name, ...args]: readonly [string, ...string[]]): string | undefined {
  if (name === 'XREAD') return args[args.indexOf('STREAMS') + 1]
  return args[name.startsWith('EVAL') ? 2 : 0]
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

/** Deletes every key that begins so, on every server of a cluster; for tests, which begin with an empty store. */
export async function clearKeys(owner: string, client: RedisClient, prefix: string): Promise<void> {
  const send = createSender(owner, client)
  const servers = await findServers(client)
  await Promise.all(servers.map((server) => clearServer(createSender(owner, server), send, prefix)))
}

/** Keys are found on their server, and deleted one by one: those of a cluster may not share a command. */
async function clearServer(find: SendCommand, remove: SendCommand, prefix: string): Promise<void> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`
  let cursor = '0'
  do {
    const answer: unknown = await find('SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')
    const [next, keys] = Array.isArray(answer) ? answer : ['0', []]
    if (Array.isArray(keys)) await Promise.all(keys.map((key) => remove('UNLINK', String(key))))
    cursor = String(next)
  } while (cursor !== '0')
}

/** The servers that hold keys: those of a cluster, or the only one. */
async function findServers(client: RedisClient): Promise<readonly RedisClient[]> {
  if ('masters' in client && 'nodeClient' in client && typeof client.nodeClient === 'function') {
    const { nodeClient } = client
    return Promise.all(client.masters.map((master): Promise<RedisClient> => nodeClient.call(client, master)))
  }
  return 'nodes' in client && typeof client.nodes === 'function' ? client.nodes('master') : [client]
}

/**
 * Refuses clusters: the keys of one request may lie on several of their servers.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireOneServer(owner: string, client: RedisClient): void {
  if (!isRedisCluster(client)) return
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} cannot use a cluster; ${FIX} that talks to one server`)
}

/**
 * Refuses pools, which spread commands over several connections: what one of them says is not true of another.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireNoPool(owner: string, client: RedisClient): void {
  if (Reflect.get(client, 'totalClients') === undefined) return
  throw new Misconfigured('ERR_OPTION_INVALID', `${owner} cannot use a pool; ${FIX}`)
}

/** Whether a client of ioredis or of node-redis talks to a cluster. */
export function isRedisCluster(client: RedisClient): boolean {
  return Reflect.get(client, 'isCluster') === true || 'masters' in client
}

/** How Redis is asked on behalf of a store. */
export interface AskRedisOptions {
  readonly send: SendCommand
  readonly deadlineMs: number
  /** The code and the closed word for it when Redis does not answer. */
  readonly code: RefusalCode
  readonly dependency: string
}

/**
 * Sends a command and waits for its answer, but not for long. What comes later goes to `onLate`.
 * @throws {@link Unavailable} the store's code
 */
export type AskRedis = (
  environment: Pick<Environment, 'clock' | 'report'>,
  command: readonly [string, ...string[]],
  onLate?: (answer: unknown) => void,
) => Promise<unknown>

/** When callers are spared the wait for Redis, and how often one of them tries whether it is back. */
export const REDIS_BREAKER: BreakerRule = { failuresToOpen: 5, probeEveryMs: 1000 }

/** Asks Redis with a deadline and behind a breaker that opens after five failures in a row. */
export function createAskRedis({ send, deadlineMs, code, dependency }: AskRedisOptions): AskRedis {
  const breaker = createCircuitBreaker(REDIS_BREAKER)
  const unavailable = (cause: unknown): Unavailable =>
    new Unavailable(code, dependency, `the store of ${dependency} does not answer`, { cause })
  return async (environment, command, onLate) => {
    const { clock, report } = environment
    if (!breaker.allows(clock.monotonicMs())) throw unavailable(new Error('Redis did not answer lately'))
    try {
      const answer = await withDeadline(send(...command), deadlineMs, onLate)
      if (breaker.succeeded()) reportDegraded(report, dependency, 0)
      return answer
    } catch (error) {
      if (breaker.failed(clock.monotonicMs())) reportDegraded(report, dependency, 1)
      throw unavailable(error)
    }
  }
}

/** Tells that a dependency is out of reach (1), or back (0). */
export function reportDegraded(report: Environment['report'], dependency: string, value: 0 | 1): void {
  report({ name: 'degraded', kind: 'gauge', value, labels: { dependency } })
}
