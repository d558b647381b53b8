import { randomBytes } from 'node:crypto'
import { canonicalJson } from '@countermark/core/internal'
import type { Transaction } from 'kysely'
import { suspendRow, takeOverSuspension } from '../registry/agent-life.ts'
import type { KeyPolicy } from '../registry/key-policy.ts'
import { revokeKey } from '../registry/keys.ts'
import type { Rank } from '../registry/rank.ts'
import type { RegistryTables, RegistryTransaction } from '../registry/registry-tables.ts'
import type { TokenTables } from '../tokens/issuing/token-tables.ts'
import { markRevoked } from '../tokens/revocation/revoke-tokens.ts'
import { findLastSeq, type Revoked, tellDoors } from './door-events.ts'
import { eventsOfTokens } from './revocation-feed.ts'
import type { StopRow } from './stop-tables.ts'
import type { StopPlan, StopTarget } from './stop-target.ts'

/** Who stops what, and why. */
export interface StopOrder {
  readonly target: StopTarget
  readonly reason: string
  readonly caller: string
  /** What the caller is to what is stopped: nobody of a lower rank lifts it. */
  readonly by: Rank
  readonly issuer: string | undefined
  readonly policy: KeyPolicy
  readonly nowMs: number
}

/** Suspends, revokes and tells doors: everything in the transaction of the caller, or nothing. */
export async function carryOutStop(tables: RegistryTransaction, plan: StopPlan, order: StopOrder): Promise<StopRow> {
  const { target, reason, caller, by, issuer, policy, nowMs } = order
  for (const agent of plan.agents) await suspendRow(tables, agent, { reason, by }, nowMs)
  for (const agent of plan.suspended) await takeOverSuspension(tables, agent, { reason, by }, nowMs)
  if (plan.key !== undefined && plan.key.row.state !== 'revoked') {
    await revokeKey(tables, plan.key.agent, plan.key.row, { policy, nowMs, last: 'revoke' })
  }
  const revoked = await endTokens(tables, plan.tokens, { issuer, nowMs, alsoTold: plan.events })
  const row: StopRow = {
    ...{ id: `stp_${randomBytes(9).toString('hex')}`, seq: await findLastSeq(tables), at: nowMs, kind: target.kind },
    ...{ target: canonicalJson(target), tenant: plan.tenant ?? null, reason, caller },
    ...{ agents: plan.agents.length, tokens: revoked.length },
  }
  await tables.insertInto('stops').values(row).execute()
  return row
}

/** Ends tokens with what would bring them again, and tells doors of each. @returns their ids */
export async function endTokens(
  tables: RegistryTransaction,
  targets: StopPlan['tokens'],
  {
    issuer,
    nowMs,
    alsoTold = [],
  }: { readonly issuer: string | undefined; readonly nowMs: number; readonly alsoTold?: readonly Revoked[] },
): Promise<readonly string[]> {
  const revoked: string[] = []
  for (const target of targets) {
    revoked.push(...(await markRevoked(target, Math.floor(nowMs / 1000), withTokens(tables))))
  }
  const named = issuer === undefined ? [] : await eventsOfTokens(tables, revoked, { issuer, nowMs })
  const lines = [...alsoTold, ...named].map((event) => ({ action: 'revoke', event }) as const)
  await tellDoors(tables, lines, nowMs)
  return revoked
}

/** The same transaction, with the tables of tokens: they lie in the same database. */
function withTokens(tables: RegistryTransaction): Transaction<RegistryTables & TokenTables> {
  return tables as unknown as Transaction<RegistryTables & TokenTables>
}
