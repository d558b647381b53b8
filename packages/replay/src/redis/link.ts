import { randomUUID } from 'node:crypto'
import type { Environment } from '@countermark/core'
import type { SendCommand } from '@countermark/core/internal'
import { withDeadline } from '@countermark/core/internal'
import { type EraKeeper, type FenceReason, reportFence } from '../era-keeper.ts'
import type { StoreRules } from '../store-options.ts'
import { followConnections, type RedisClient } from './connections.ts'
import { createEpoch, type Epoch, openEpoch, replaceEpoch } from './epoch.ts'
import {
  isNotPermitted,
  parseServerState,
  parseServerTime,
  requireUsable,
  type ServerState,
  unknownServer,
} from './server.ts'
import { createServerClock } from './server-clock.ts'

/** What was found out about the server behind a connection. */
export interface Standing {
  readonly identity: string
  readonly epochKey: string
  readonly epoch: Epoch
  readonly connection: number
  /** By the monotonic clock. */
  readonly inspectedAtMs: number
}

/** What a link needs. */
export interface LinkOptions {
  readonly client: RedisClient
  readonly send: SendCommand
  readonly prefix: string
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

/** Knows which server answers, and since when that server remembers. */
export class Link {
  readonly #options: LinkOptions
  readonly #serverClock = createServerClock()
  /** Epochs that this process moved on from. */
  readonly #left = new Set<string>()
  readonly #stopFollowing: () => void
  #connection = 0
  /** Names this process where the server may not be asked for its own name. */
  readonly #name = randomUUID()
  #hasWarned = false
  #standing: Standing | undefined
  #inspecting: Promise<Standing> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#stopFollowing = followConnections(options.client, {
      broken: () => {
        this.#connection += 1
        this.#inspecting = undefined
      },
      // A failure is met again, and told, by the next claim.
      ready: () => void this.inspect().catch(() => undefined),
    })
  }

  /** Counts connections: an answer that came over another one than its question proves nothing. */
  get connection(): number {
    return this.#connection
  }

  /** What was last found out, perhaps over an earlier connection. */
  get standing(): Standing | undefined {
    return this.#standing
  }

  /** Asks the server who it is, and begins an era if it has forgotten anything. One inspection at a time. */
  inspect(): Promise<Standing> {
    if (this.#inspecting !== undefined) return this.#inspecting
    const inspecting = withDeadline(this.#look(), INSPECTION_DEADLINE_MS)
    const finish = (): void => {
      if (this.#inspecting === inspecting) this.#inspecting = undefined
    }
    inspecting.then(finish, finish)
    this.#inspecting = inspecting
    return inspecting
  }

  /** Our own clock was set, so that it says nothing about the server's. */
  forgetServerClock(): void {
    this.#serverClock.reset()
  }

  /** Puts the epoch back that was removed with the claims: nothing was lost that anybody relies on. */
  async restoreEpoch(): Promise<void> {
    const standing = this.#standing
    if (standing !== undefined) await replaceEpoch(this.#options.send, standing.epochKey, standing.epoch)
  }

  close(): void {
    this.#stopFollowing()
  }

  async #look(): Promise<Standing> {
    const { send, prefix, rules, allowEviction, report } = this.#options
    const connection = this.#connection
    const { server, isClockSet } = await this.#askServer()
    requireUsable(server, allowEviction, report)
    const epochKey = `${prefix}epoch:${server.identity}`
    const opened = await openEpoch(send, epochKey, this.#proposeEpoch())
    // Claims may be gone although the epoch stands: they expired early, or were made on a server between two visits here.
    const isWorthless = isClockSet || this.#left.has(opened.text)
    const epoch = isWorthless ? await replaceEpoch(send, epochKey, createEpoch(rules.clock.wallMs(), 'loss')) : opened
    if (this.#connection !== connection) throw new Error('the connection to Redis changed')
    const { identity } = server
    return this.#adopt({ identity, epochKey, epoch, connection, inspectedAtMs: rules.clock.monotonicMs() }, isClockSet)
  }

  async #askServer(): Promise<{ readonly server: ServerState; readonly isClockSet: boolean }> {
    const { send, rules, report } = this.#options
    const askedMs = rules.clock.wallMs()
    const [server, time] = await Promise.all([this.#askState(), send('TIME')])
    const receivedMs = rules.clock.wallMs()
    if (server.identity !== this.#standing?.identity) this.#serverClock.reset()
    if (!rules.watchesClock) return { server, isClockSet: false }
    const serverMs = parseServerTime(time)
    const value = (serverMs - receivedMs) / 1000
    report({ name: 'replay_store_clock_offset_seconds', kind: 'gauge', value, labels: { store: 'redis' } })
    return { server, isClockSet: this.#serverClock.isSet(serverMs, askedMs, receivedMs) }
  }

  async #askState(): Promise<ServerState> {
    const connection = this.#connection
    try {
      return parseServerState(await this.#options.send('INFO'))
    } catch (error) {
      if (!isNotPermitted(error)) throw error
      if (!this.#hasWarned) process.emitWarning(MAY_NOT_ASK, 'CountermarkWarning')
      this.#hasWarned = true
      return unknownServer(`unknown.${this.#name}.${connection}`)
    }
  }

  #proposeEpoch(): Epoch {
    const { startedAt, rules } = this.#options
    if (this.#standing !== undefined) return createEpoch(rules.clock.wallMs(), 'loss')
    return createEpoch(startedAt ?? rules.clock.wallMs(), 'start')
  }

  #adopt(found: Standing, isClockSet: boolean): Standing {
    const { eras, rules, report } = this.#options
    const { epoch } = found
    const before = this.#standing
    this.#standing = found
    const fromMs = Number.NEGATIVE_INFINITY
    if (before === undefined) {
      eras.forget({ fromMs, untilMs: epoch.beganAtMs, cause: epoch.cause }, epoch.secret)
    } else if (before.epoch.text !== epoch.text) {
      // Whatever the epoch says: until now this process relied on what is lost.
      const untilMs = Math.max(epoch.beganAtMs, rules.clock.wallMs())
      eras.forget({ fromMs, untilMs, cause: 'loss' }, epoch.secret)
      this.#leave(before.epoch)
      reportFence(report, 'redis', reasonOf(before, found, isClockSet))
    }
    return found
  }

  #leave({ text }: Epoch): void {
    const [oldest] = this.#left
    if (this.#left.size >= MAX_LEFT && oldest !== undefined) this.#left.delete(oldest)
    this.#left.add(text)
  }
}

function reasonOf(before: Standing, found: Standing, isClockSet: boolean): FenceReason {
  if (before.identity !== found.identity) return 'server_changed'
  return isClockSet ? 'server_clock_jump' : 'epoch_lost'
}
