import type { ClaimResult, Environment, ReplayClaim } from '@countermark/core'
import type { SendCommand } from '@countermark/core/internal'
import type { ClaimQuota } from '../claim-quota.ts'
import type { EraKeeper } from '../era-keeper.ts'
import { isProvenFresh } from '../fence.ts'
import type { StoreRules } from '../store-options.ts'
import type { Link, Standing } from './link.ts'

/** What a claim is made with. */
export interface ClaimTools {
  readonly send: SendCommand
  readonly link: Link
  readonly eras: EraKeeper
  readonly quota: () => ClaimQuota
  readonly rules: StoreRules
}

/** A claim as it is written: whoever's token stands at the key made it. */
export interface Attempt {
  readonly key: string
  readonly token: string
}

/** In-place changes of the server, which break no connection, are noticed within this time. */
const INSPECT_EVERY_MS = 1000

/**
 * Claims in one round trip: `SET NX` writes the token unless there is one, and `MGET` reads, in one step, whose token stands
 * and whether the server still has the epoch that this process relies on.
 */
export async function askRedis(
  tools: ClaimTools,
  claim: ReplayClaim,
  { key, token }: Attempt,
  environment: Environment,
): Promise<ClaimResult> {
  const { send, link, rules } = tools
  const standing = isPresent(link) ? link.standing : await link.inspect()
  const refused = refuseUnasked(tools, claim, environment)
  if (refused !== undefined) return refused
  const ttlMs = Math.ceil((claim.acceptUntil + rules.keepSeconds) * 1000 - environment.clock.wallMs())
  const [, values] = await Promise.all([
    send('SET', key, token, 'NX', 'PX', String(ttlMs)),
    send('MGET', key, standing.epochKey),
  ])
  const [holder, epoch] = Array.isArray(values) ? values : []
  if (typeof holder !== 'string') throw new Error('Redis did not keep the claim')
  if (holder !== token) return 'replayed'
  if (link.connection !== standing.connection) throw new Error('the connection to Redis changed')
  if (epoch !== standing.epoch.text) await leaveEpoch(link, standing)
  if (!isFresh(tools, claim, environment)) return 'unproven'
  tools.quota().count(claim.thumbprint, Math.ceil(claim.acceptUntil + rules.keepSeconds))
  return 'claimed'
}

/** What can be refused without Redis, once its epoch is known. */
export function refuseUnasked(
  tools: ClaimTools,
  claim: ReplayClaim,
  environment: Environment,
): ClaimResult | undefined {
  if (tools.link.standing === undefined) return undefined
  const nowMs = environment.clock.wallMs()
  // After its end a claim may be forgotten already, so nothing can be said any more.
  if (!(nowMs <= claim.acceptUntil * 1000) || !isFresh(tools, claim, environment)) return 'unproven'
  return tools.quota().exceeded(claim.thumbprint, Math.floor(nowMs / 1000))
}

/** Looks after the clocks and, in the background, after the server. */
export function lookAfter({ link, eras }: ClaimTools, { clock, report }: Environment): void {
  if (eras.noticeClock(report)) link.forgetServerClock()
  if (!isPresent(link) || clock.monotonicMs() - link.standing.inspectedAtMs < INSPECT_EVERY_MS) return
  // The claim that comes with it finds a server out of reach by itself.
  link.inspect().catch(() => undefined)
}

function isPresent(link: Link): link is Link & { readonly standing: Standing } {
  return link.standing?.connection === link.connection
}

function isFresh({ eras, rules }: ClaimTools, claim: ReplayClaim, { clock }: Environment): boolean {
  return isProvenFresh(claim, eras.current(), rules, clock.wallMs())
}

/** The epoch is gone or another: what was claimed before may be, too. */
async function leaveEpoch(link: Link, left: Standing): Promise<void> {
  const { epoch } = await link.inspect()
  if (epoch.text === left.epoch.text) throw new Error('Redis changes its epoch')
}
