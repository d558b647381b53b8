import { type Environment, Misconfigured } from '@countermark/core'
import { REDIS_METRICS } from '../metric-rows.ts'
import type { Epoch } from './epoch.ts'

/** What was found out about the servers behind a connection. */
export interface ServerSnapshot {
  /** One for each beginning of keys, in their order. */
  readonly slots: readonly SlotSnapshot[]
  readonly connection: number
  /** By the monotonic clock. */
  readonly inspectedAtMs: number
}

/** What was found out about the server of keys that lie together. */
export interface SlotSnapshot {
  readonly identity: string
  readonly epochKey: string
  readonly epoch: Epoch
  /** Whether the server's clock was set since the snapshot before. */
  readonly isClockSet: boolean
}

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

/** Whether Redis refused a command to this user (`NOPERM`, or another sentence out of a script), whichever client tells. */
export function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && /^NOPERM\b|can't run this command/.test(error.message)
}

/**
 * Refuses a server that cannot be relied on.
 * @throws {@link Misconfigured} `ERR_REPLAY_STORE_UNSAFE` when it throws keys away to make room
 */
export function requireUsable(server: ServerState, allowEviction: boolean, report: Environment['report']): void {
  if (!server.isMaster) throw new Error('the Redis server is a replica')
  report(REDIS_METRICS.measure('replay_store_evicts', server.evicts ? 1 : 0, { store: 'redis' }))
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

/** The range in which the difference between the server's clock and ours lies. Milliseconds. */
export interface ClockOffset {
  readonly min: number
  readonly max: number
}

const THRESHOLD_MS = 2000

/** The offset by an answer that was asked for and received at these times: a slow answer is not taken for a step. */
export function clockOffset(serverMs: number, askedMs: number, receivedMs: number): ClockOffset {
  return { min: serverMs - receivedMs, max: serverMs - askedMs }
}

/** Whether the clock by which the server lets keys expire was set between two looks. */
export function isClockStep(before: ClockOffset | undefined, after: ClockOffset): boolean {
  if (before === undefined) return false
  return after.min > before.max + THRESHOLD_MS || after.max < before.min - THRESHOLD_MS
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':')
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)]
}
