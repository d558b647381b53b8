import { hash } from 'node:crypto'
import type { AuditTrail } from '@countermark/audit'
import type { Clock } from '@countermark/core'
import { ownMember } from '@countermark/core/internal'
import { standaloneEnvironment } from '@countermark/signature'
import type { Transaction } from 'kysely'
import type { NetworkBudget } from '../callers/network-budget.ts'
import { noteAct } from '../events/outbox.ts'
import { type Answer, type Call, headerOf, jsonAnswer, type Route } from '../http/call.ts'
import { REGISTRY_LOCK, type RegistryTables, type RegistryTransaction } from '../registry/registry-tables.ts'
import { endTokens } from '../stop/carry-out-stop.ts'
import { endUser } from '../stop/stop-target.ts'
import type { StoredTables } from '../storage/store.ts'
import type { TokenTables } from '../tokens/issuing/token-tables.ts'
import { organisationPrefix } from '../tokens/subject-tokens/organisation-prefix.ts'
import type { KnownSettings } from './known-settings.ts'
import { whileListed, withTrust } from './organisations.ts'
import { openSecurityEvent, type ReceivedEvent, ReceptionRefused, verifySecurityEvent } from './received-event.ts'
import type { OrganisationRow } from './trust-tables.ts'

/** What events of other organisations are received with. */
export interface SecurityEventOptions {
  readonly stored: StoredTables<RegistryTables>
  readonly trail: Pick<AuditTrail, 'event'>
  readonly clock: Clock
  readonly settingsOf: KnownSettings
  /** Holds the networks that push to a limit. */
  readonly budget: NetworkBudget
  /** Who receives: `aud`. */
  readonly own: string
}

const KEPT_SECONDS = 2 * 86_400

/** Takes what organisations that a tenant believes push (RFC 8935): what they have ended ends here, at doors as well. */
export function securityEventRoutes(options: SecurityEventOptions): readonly Route[] {
  return [{ method: 'POST', path: '/tenants/{tenant}/security-events', handle: (call) => receive(call, options) }]
}

async function receive(call: Call, options: SecurityEventOptions): Promise<Answer> {
  options.budget.requireRoom(call)
  try {
    const organisation = await take(call, options)
    return { status: 202, headers: { 'Cache-Control': 'no-store' }, body: organisation.taken }
  } catch (error) {
    options.budget.charge(call)
    if (!(error instanceof ReceptionRefused)) throw error
    const details = { tenant: call.params['tenant'] ?? '', refusal: error.code }
    // Who pushes hears of it; what the trail does not take it counts itself.
    await options.trail.event({ event: 'security_event_refused', details }).catch(() => undefined)
    return jsonAnswer(400, { err: error.code, description: error.message })
  }
}

async function take(call: Call, options: SecurityEventOptions): Promise<{ readonly taken: '' }> {
  if (!/^application\/secevent\+jwt\s*$/i.test(headerOf(call, 'content-type') ?? ''))
    throw new ReceptionRefused('invalid_request', 'send application/secevent+jwt')
  const { stored, clock, own, settingsOf } = options
  const jws = openSecurityEvent(Buffer.from(call.body).toString('latin1').trim())
  const issuer = String(ownMember(jws.claims, 'iss'))
  const query = withTrust(stored.reads).selectFrom('organisations').selectAll().where('issuer', '=', issuer)
  const believed = query.where(whileListed(clock.wallMs()))
  const row = await believed.where('tenant', '=', call.params['tenant'] ?? '').executeTakeFirst()
  if (row === undefined) throw new ReceptionRefused('invalid_issuer', 'the tenant believes no such issuer')
  const environment = standaloneEnvironment({ clock })
  const event = await verifySecurityEvent(jws, { settings: settingsOf(row), own, environment })
  await stored.transaction(REGISTRY_LOCK, (tables) => carryOut(tables, row, event, options))
  return { taken: '' }
}

/** Once, with its record, in the transaction of the caller. */
async function carryOut(
  tables: RegistryTransaction,
  { tenant, issuer, id: organisation }: OrganisationRow,
  { id, types, ended, users }: ReceivedEvent,
  { trail, clock, own }: SecurityEventOptions,
): Promise<void> {
  const nowMs = clock.wallMs()
  const claim = {
    claim_id: `set ${hash('sha256', JSON.stringify([tenant, issuer, id]), 'base64url')}`,
    until_seconds: Math.floor(nowMs / 1000) + KEPT_SECONDS,
  }
  const inserted = await (tables as unknown as Transaction<TokenTables>)
    .insertInto('token_claims')
    .values(claim)
    .onConflict((conflict) => conflict.column('claim_id').doNothing())
    .returning('claim_id')
    .execute()
  if (inserted.length === 0) return
  const names = users.map((user) => `${organisationPrefix(issuer)}${user}`)
  const tokens = await endTokens(tables, endUser(names, tenant), { issuer: own, nowMs, alsoTold: ended })
  const details = { tenant, organisation, issuer, set: id, types, ended: ended.length, tokens: tokens.length }
  await noteAct(tables, { event: 'security_event_taken', details }, nowMs)
  await trail.event({ event: 'security_event_taken', details })
}
