import { hash, randomUUID } from 'node:crypto'
import type { Environment } from '@countermark/core'
import { type RedisClient as ClientOfRedis, withDeadline } from '@countermark/core/internal'
import { type EraKeeper, reportFence } from '../fence.ts'
import { type FenceReason, REDIS_METRICS } from '../metric-rows.ts'
import type { StoreRules } from '../store-options.ts'
import type { RedisCommands } from './commands.ts'
import { createEpoch, type Epoch, openEpoch, replaceEpoch } from './epoch.ts'
import {
  type ClockOffset,
  clockOffset,
  isClockStep,
  parseServerState,
  parseServerTime,
  requireUsable,
  type ServerSnapshot,
  type ServerState,
  type SlotSnapshot,
} from './server-snapshot.ts'

/** How a client tells that its connection comes and goes. */
interface ConnectionEvents {
  readonly on: (event: string, listener: () => void) => unknown
  readonly off: (event: string, listener: () => void) => unknown
}

/** A client of one Redis server or of a cluster: of ioredis or of node-redis, best with a connection of its own. */
export type RedisClient = ClientOfRedis & ConnectionEvents

/** What a connection needs. */
export interface ConnectionOptions {
  readonly client: RedisClient
  readonly commands: RedisCommands
  readonly rules: StoreRules
  /** Since when an empty Redis is taken to remember. `undefined` means since it is first asked. */
  readonly startedAt: number | undefined
  readonly eras: EraKeeper
  readonly allowEviction: boolean
  readonly report: Environment['report']
}

const INSPECTION_DEADLINE_MS = 1000
const MAX_LEFT = 64
const MAY_NOT_ASK =
  'redisReplayStore: this Redis user may not ask INFO (ACL +info). Whether keys are evicted is not checked, and after each lost connection agents are asked to sign again'

/** Knows which servers answer, and since when they remember. */
export class Connection {
  readonly #options: ConnectionOptions
  /** How far the clock of each slot's server is from ours. */
  readonly #offsets: (ClockOffset | undefined)[] = []
  /** Epochs that this process moved on from. */
  readonly #left = new Set<string>()
  readonly #stopFollowing: () => void
  #number = 0
  /** Names this process where the server may not be asked for its own name. */
  readonly #name = randomUUID()
  #hasWarned = false
  #snapshot: ServerSnapshot | undefined
  #inspecting: Promise<ServerSnapshot> | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const broken = (): void => {
      this.#number += 1
      this.#inspecting = undefined
    }
    // A failure is met again, and told, by the next claim.
    const ready = (): void => void this.inspect().catch(() => undefined)
    this.#stopFollowing = follow(options.client, broken, ready)
  }

  /** Counts connections: an answer that came over another one than its question proves nothing. */
  get number(): number {
    return this.#number
  }

  /** What was last found out, perhaps over an earlier connection. */
  get snapshot(): ServerSnapshot | undefined {
    return this.#snapshot
  }

  /** Asks the servers who they are, and begins an era if one has forgotten anything. One inspection at a time. */
  inspect(): Promise<ServerSnapshot> {
    if (this.#inspecting !== undefined) return this.#inspecting
    const inspecting = withDeadline(this.#inspectAll(), INSPECTION_DEADLINE_MS)
    const finish = (): void => {
      if (this.#inspecting === inspecting) this.#inspecting = undefined
    }
    inspecting.then(finish, finish)
    this.#inspecting = inspecting
    return inspecting
  }

  /** Our own clock was set, so that it says nothing about the servers'. */
  forgetServerClocks(): void {
    this.#offsets.length = 0
  }

  /**
   * Goes by another clock from now on. The epochs that are known were begun by the clock before, so by this one nothing is
   * remembered from before now, or from before the start that was stated.
   */
  restart(): void {
    const { eras, rules, startedAt } = this.#options
    this.#inspecting = undefined
    this.forgetServerClocks()
    if (this.#snapshot === undefined) return
    const epochs = this.#snapshot.slots.map(({ epoch }) => epoch)
    const isStated = startedAt !== undefined && latestOf(epochs) <= startedAt
    const untilMs = isStated ? startedAt : rules.clock.wallMs()
    eras.forget({ fromMs: Number.NEGATIVE_INFINITY, untilMs, cause: 'start' }, sealOf(epochs))
  }

  /** Puts the epochs back that were removed with the claims: nothing was lost that a guard relies on. */
  async restoreEpochs(): Promise<void> {
    const { send } = this.#options.commands
    const slots = this.#snapshot?.slots ?? []
    await Promise.all(slots.map(({ epochKey, epoch }) => replaceEpoch(send, epochKey, epoch)))
  }

  close(): void {
    this.#stopFollowing()
  }

  async #inspectAll(): Promise<ServerSnapshot> {
    const { commands, rules } = this.#options
    const connection = this.#number
    const { clock } = rules
    const slots = await Promise.all(commands.slots.map((slot, index) => this.#inspectSlot(slot, index)))
    if (this.#number !== connection) throw new Error('the connection to Redis changed')
    if (rules.clock !== clock) return this.#inspectAll()
    return this.#adopt({ slots, connection, inspectedAtMs: rules.clock.monotonicMs() })
  }

  async #inspectSlot(slot: string, index: number): Promise<SlotSnapshot> {
    const { commands, rules, allowEviction, report } = this.#options
    const askedMs = rules.clock.wallMs()
    const { info, time } = await commands.inspect(slot)
    const server = info === undefined ? this.#unknownServer() : parseServerState(info)
    if (server.identity !== this.#snapshot?.slots[index]?.identity) this.#offsets[index] = undefined
    const isClockSet = rules.watchesClock && this.#compareClock(index, parseServerTime(time), askedMs)
    requireUsable(server, allowEviction, report)
    const epochKey = `${slot}epoch:${server.identity}`
    const opened = await openEpoch(commands.send, epochKey, this.#proposeEpoch())
    // Claims may be gone although the epoch stands: they expired early, or were made on a server between two visits here.
    const isWorthless = isClockSet || this.#left.has(opened.text)
    const epoch = isWorthless
      ? await replaceEpoch(commands.send, epochKey, createEpoch(rules.clock.wallMs(), 'loss'))
      : opened
    return { identity: server.identity, epochKey, epoch, isClockSet }
  }

  #compareClock(index: number, serverMs: number, askedMs: number): boolean {
    const { rules, report } = this.#options
    const receivedMs = rules.clock.wallMs()
    const value = (serverMs - receivedMs) / 1000
    report(REDIS_METRICS.measure('replay_store_clock_offset_seconds', value, { store: 'redis' }))
    const before = this.#offsets[index]
    const offset = clockOffset(serverMs, askedMs, receivedMs)
    this.#offsets[index] = offset
    return isClockStep(before, offset)
  }

  /**
   * A server that this user may not ask who it is: each connection is taken for one to another server, so that a restart or a
   * failover, which end connections, begin a new era. Whether it evicts is not known.
   */
  #unknownServer(): ServerState {
    if (!this.#hasWarned) process.emitWarning(MAY_NOT_ASK, 'CountermarkWarning')
    this.#hasWarned = true
    return { identity: `unknown.${this.#name}.${this.#number}`, isMaster: true, evicts: false }
  }

  #proposeEpoch(): Epoch {
    const { startedAt, rules } = this.#options
    if (this.#snapshot !== undefined) return createEpoch(rules.clock.wallMs(), 'loss')
    return createEpoch(startedAt ?? rules.clock.wallMs(), 'start')
  }

  #adopt(found: ServerSnapshot): ServerSnapshot {
    const { eras, rules, report } = this.#options
    const before = this.#snapshot
    this.#snapshot = found
    const epochs = found.slots.map(({ epoch }) => epoch)
    const beganAtMs = latestOf(epochs)
    const fromMs = Number.NEGATIVE_INFINITY
    if (before === undefined) {
      const cause = epochs.some((epoch) => epoch.cause === 'loss') ? 'loss' : 'start'
      eras.forget({ fromMs, untilMs: beganAtMs, cause }, sealOf(epochs))
      return found
    }
    const lost = before.slots.filter(({ epoch }, index) => epoch.text !== epochs[index]?.text)
    if (lost.length === 0) return found
    // Whatever the epoch says: until now this process relied on what is lost.
    eras.forget({ fromMs, untilMs: Math.max(beganAtMs, rules.clock.wallMs()), cause: 'loss' }, sealOf(epochs))
    for (const { epoch } of lost) this.#leave(epoch)
    reportFence(report, 'redis', reasonOf(before, found))
    return found
  }

  #leave({ text }: Epoch): void {
    const [oldest] = this.#left
    if (this.#left.size >= MAX_LEFT && oldest !== undefined) this.#left.delete(oldest)
    this.#left.add(text)
  }
}

function latestOf(epochs: readonly Epoch[]): number {
  return Math.max(...epochs.map((epoch) => epoch.beganAtMs))
}

/** Seals nonces: with the secrets of all epochs, so that none outlives a loss of any. */
function sealOf(epochs: readonly Epoch[]): Uint8Array {
  const [only] = epochs
  if (only !== undefined && epochs.length === 1) return only.secret
  return hash('sha256', epochs.map(({ text }) => text).join(), 'buffer')
}

function reasonOf(before: ServerSnapshot, found: ServerSnapshot): FenceReason {
  if (found.slots.some(({ identity }, index) => identity !== before.slots[index]?.identity)) return 'server_changed'
  return found.slots.some(({ isClockSet }) => isClockSet) ? 'server_clock_jump' : 'epoch_lost'
}

/** Follows the events of either client; `ready` is said at once when it is connected already. Returns how to stop. */
function follow(client: RedisClient, broken: () => void, ready: () => void): () => void {
  // ioredis says close and end, node-redis reconnecting and end; both before they use another connection.
  const listeners = [
    ['close', broken],
    ['end', broken],
    ['reconnecting', broken],
    ['ready', ready],
  ] as const
  for (const [event, listener] of listeners) client.on(event, listener)
  if (Reflect.get(client, 'status') === 'ready' || Reflect.get(client, 'isReady') === true) ready()
  return () => {
    for (const [event, listener] of listeners) client.off(event, listener)
  }
}
