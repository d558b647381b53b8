import { type Environment, Misconfigured } from '@countermark/core'

/** What a Redis server says of itself. */
export interface ServerState {
  /**
   * Names this process and the history of its data: another after a restart (`run_id`) and after a replica was promoted
   * (`master_replid`). As long as it stays, no write that was acknowledged has been lost.
   */
  readonly identity: string
  readonly isMaster: boolean
  /** Whether keys may be thrown away to make room. */
  readonly evicts: boolean
}

/** Reads the answer to `INFO`. */
export function parseServerState(info: unknown): ServerState {
  if (typeof info !== 'string') throw new TypeError('INFO was not answered with text')
  const fields = new Map(info.split('\r\n').map((line): [string, string] => splitField(line)))
  const field = (name: string): string => {
    const value = fields.get(name)
    if (value === undefined) throw new TypeError(`INFO does not tell ${name}`)
    return value
  }
  return {
    identity: `${field('run_id')}.${field('master_replid')}`,
    isMaster: field('role') === 'master',
    evicts: field('maxmemory') !== '0' && field('maxmemory_policy') !== 'noeviction',
  }
}

/**
 * A server that this user may not ask who it is: each connection is taken for one to another server, so that a restart or a
 * failover, which end connections, begin a new era. Whether it evicts is not known.
 */
export function unknownServer(identity: string): ServerState {
  return { identity, isMaster: true, evicts: false }
}

/** Whether Redis refused a command to this user (`NOPERM`), whichever client tells. */
export function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && /^NOPERM\b/.test(error.message)
}

/**
 * Refuses a server that cannot be relied on.
 * @throws {@link Misconfigured} `ERR_REPLAY_STORE_UNSAFE` when it throws keys away to make room
 */
export function requireUsable(server: ServerState, allowEviction: boolean, report: Environment['report']): void {
  if (!server.isMaster) throw new Error('the Redis server is a replica')
  const value = server.evicts ? 1 : 0
  report({ name: 'replay_store_evicts', kind: 'gauge', value, labels: { store: 'redis' } })
  if (!server.evicts || allowEviction) return
  throw new Misconfigured(
    'ERR_REPLAY_STORE_UNSAFE',
    'this Redis throws keys away when it is full; set maxmemory-policy noeviction, or say allowEviction: true',
  )
}

/** Reads the answer to `TIME`, in milliseconds. */
export function parseServerTime(time: unknown): number {
  const [seconds, microseconds] = Array.isArray(time) ? time.map(Number) : []
  const timeMs = Number(seconds) * 1000 + Number(microseconds) / 1000
  if (Number.isFinite(timeMs)) return timeMs
  throw new TypeError('TIME was not answered with two numbers')
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':')
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)]
}
