import { randomBytes } from 'node:crypto'
import type { ClaimResult, Environment, ReplayClaim } from '@countermark/core'
import type { ClaimQuota } from '../claim-quota.ts'
import type { EraKeeper } from '../fence.ts'
import { isProvenFresh } from '../fence.ts'
import type { StoreRules } from '../store-options.ts'
import type { Attempt, RedisCommands } from './commands.ts'
import type { Connection } from './connection.ts'
import type { ServerSnapshot, SlotSnapshot } from './server-snapshot.ts'

/** What a claim is made with. */
export interface ClaimTools {
  readonly commands: RedisCommands
  readonly connection: Connection
  readonly eras: EraKeeper
  readonly quota: () => ClaimQuota
  readonly rules: StoreRules
}

/** 128 of the 256 bits of an id name its key, and of the next ones the slot it lies in. */
const KEY_BYTES = 16

/** In-place changes of the server, which break no connection, are noticed within this time. */
const INSPECT_EVERY_MS = 1000

/** The key at which a claim is written. */
export function keyOf({ commands: { slots } }: ClaimTools, { id }: ReplayClaim): string {
  return slots[slotOf(id, slots.length)] + Buffer.from(id.subarray(0, KEY_BYTES)).toString('base64url')
}

function slotOf(id: Uint8Array, slots: number): number {
  return (id[KEY_BYTES] ?? 0) % slots
}

/** Claims in one round trip, and looks in the same whether the server still has the epoch that this process relies on. */
export async function claimInRedis(
  tools: ClaimTools,
  claim: ReplayClaim,
  attempt: Attempt,
  environment: Environment,
): Promise<ClaimResult> {
  const { commands, connection, rules } = tools
  const snapshot = isPresent(connection) ? connection.snapshot : await connection.inspect()
  const refused = precheck(tools, claim, environment)
  if (refused !== undefined) return refused
  const index = slotOf(claim.id, commands.slots.length)
  const slot = snapshot.slots[index] as SlotSnapshot
  const ttlMs = Math.ceil((claim.acceptUntil + rules.keepSeconds) * 1000 - environment.clock.wallMs())
  const { holder, epoch, identity } = await commands.claim({ ...attempt, ttlMs, epochKey: slot.epochKey })
  if (typeof holder !== 'string') throw new Error('Redis did not keep the claim')
  if (holder !== attempt.token) return 'replayed'
  if (connection.number !== snapshot.connection) throw new Error('the connection to Redis changed')
  if (epoch !== slot.epoch.text || (identity !== undefined && identity !== slot.identity)) {
    await leaveEpoch(connection, index, slot)
  }
  if (!isFresh(tools, claim, environment)) return 'unproven'
  tools.quota().count(claim.thumbprint, Math.ceil(claim.acceptUntil + rules.keepSeconds))
  return 'claimed'
}

/** What can be refused without Redis, once its epoch is known. */
export function precheck(tools: ClaimTools, claim: ReplayClaim, environment: Environment): ClaimResult | undefined {
  if (tools.connection.snapshot === undefined) return undefined
  const nowMs = environment.clock.wallMs()
  // After its end a claim may be forgotten already, so nothing can be said any more.
  if (!(nowMs <= claim.acceptUntil * 1000) || !isFresh(tools, claim, environment)) return 'unproven'
  return tools.quota().exceeded(claim.thumbprint, Math.floor(nowMs / 1000))
}

/** Looks after the clocks and, in the background, after the servers. */
export function maintain({ connection, eras }: ClaimTools, { clock, report }: Environment): void {
  if (eras.noticeClock(report)) connection.forgetServerClocks()
  if (!isPresent(connection) || clock.monotonicMs() - connection.snapshot.inspectedAtMs < INSPECT_EVERY_MS) return
  // The claim that comes with it finds a server out of reach by itself.
  connection.inspect().catch(() => undefined)
}

function isPresent(connection: Connection): connection is Connection & { readonly snapshot: ServerSnapshot } {
  return connection.snapshot?.connection === connection.number
}

function isFresh({ eras, rules }: ClaimTools, claim: ReplayClaim, { clock }: Environment): boolean {
  return isProvenFresh(claim, eras.era, rules, clock.wallMs())
}

/** The epoch is gone or another, or a slot has another server: what was claimed before may be gone, too. */
async function leaveEpoch(connection: Connection, index: number, left: SlotSnapshot): Promise<void> {
  const { slots } = await connection.inspect()
  if (slots[index]?.epoch.text === left.epoch.text) throw new Error('Redis changes its epoch')
}

/** Attempts given up are remembered in this number; the oldest goes first, and its retry will be called a replay. */
const MAX_ABANDONED = 10_000

/** The tokens that mark claims as ours. Remembers given-up attempts in this process only. */
export class Attempts {
  readonly #abandoned = new Map<string, string>()

  /** A new token, or that of an attempt at the same claim which was given up. No two attempts have one at the same time. */
  begin(key: string): string {
    const token = this.#abandoned.get(key)
    if (token === undefined) return randomBytes(12).toString('base64url')
    this.#abandoned.delete(key)
    return token
  }

  /**
   * Gives an attempt up: its caller was told that the store did not answer, and its outcome will never be used. Redis may
   * have the claim all the same; with the token a second attempt recognises it.
   */
  abandon(key: string, token: string): void {
    const [oldest] = this.#abandoned.keys()
    if (this.#abandoned.size >= MAX_ABANDONED && oldest !== undefined) this.#abandoned.delete(oldest)
    this.#abandoned.set(key, token)
  }
}
