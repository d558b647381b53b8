import { randomUUID } from 'node:crypto'
import { operationDigest, ticketSigningInput } from '@countermark/capability'
import { Refusal } from '@countermark/core'
import type { Transaction } from 'kysely'
import type { ActResult, Request } from '../api/endpoint.ts'
import type { SigningKeys } from '../signing-keys/signing-keys.ts'
import { queueNotice } from './approval-notices.ts'
import type { Approved } from './approval-schemas.ts'
import type { ApprovalRow, ApprovalTables } from './approval-tables.ts'
import { invalid, resultOf } from './ask-approval.ts'

/** Who signs tickets. */
export interface TicketOptions {
  readonly signingKeys: SigningKeys
  /** Who approves, as tickets name it. */
  readonly issuer: string
}

type Decider = Pick<Request<unknown, unknown>, 'caller' | 'nowMs'>
type Decision = Partial<ApprovalRow> & Pick<ApprovalRow, 'state'>

/** Approves what waits. @throws Refusal `state_conflict`, `role_missing`, `input_invalid` */
export async function approve(
  tables: Transaction<ApprovalTables>,
  row: ApprovalRow,
  { body, ...by }: Decider & { readonly body: Approved },
  options: TicketOptions,
): Promise<ActResult> {
  requireUndecided(row, by)
  requireRoom(row, body)
  const issuedAt = Math.floor(by.nowMs / 1000)
  const expiresAt = issuedAt + body.seconds
  const { audience, agent: agentId } = row
  const digest = body.amount === undefined ? row.digest : operationDigest(operationOf(row))
  const given = { digest, uses: body.uses, amount: body.amount }
  const ticketId = randomUUID()
  const ticket = await sign(
    { issuer: options.issuer, audience, agentId, ...given, ticketId, issuedAt, expiresAt },
    options,
  )
  const most = body.amount === undefined ? {} : { most: body.amount.value, currency: body.amount.currency }
  const change = { state: 'approved', uses: body.uses, ...most, ticket, ticket_expires_at: expiresAt * 1000 } as const
  return write(tables, row, change, by)
}

/** Rejects it. @throws Refusal `state_conflict`, `role_missing` */
export function reject(
  tables: Transaction<ApprovalTables>,
  row: ApprovalRow,
  reason: string,
  by: Decider,
): Promise<ActResult> {
  requireUndecided(row, by)
  return write(tables, row, { state: 'rejected', reason }, by)
}

/** Without a decision in time it is denied, and decided only once. */
function requireUndecided(row: ApprovalRow, { caller, nowMs }: Decider): void {
  if (caller.kind === 'agent' && caller.id === row.agent) {
    throw new Refusal('role_missing', 'an agent does not decide about itself, whatever its role')
  }
  if (row.state !== 'pending') throw new Refusal('state_conflict', `it is ${row.state} already`)
  if (!(nowMs < row.expires_at)) throw new Refusal('state_conflict', 'nothing was decided in time, so it is denied')
}

/** A standing approval lets at least the request through that it was asked for. */
function requireRoom({ amount: value, currency }: ApprovalRow, { amount }: Approved): void {
  if (amount === undefined || value === null) return
  if (amount.currency !== currency) throw invalid('/amount/currency', `the request is about ${currency}`)
  if (amount.value < value) throw invalid('/amount/value', `the request alone comes to ${value}`)
}

async function write(
  tables: Transaction<ApprovalTables>,
  row: ApprovalRow,
  change: Decision,
  { caller, nowMs }: Decider,
): Promise<ActResult> {
  const decided = { ...row, ...change, decided_by: caller.name, decided_at: nowMs }
  await tables.updateTable('approvals').set(decided).where('id', '=', row.id).execute()
  await queueNotice(tables, decided, nowMs)
  return resultOf(decided, `approval_${change.state}`, caller, nowMs)
}

function operationOf(row: ApprovalRow): Parameters<typeof operationDigest>[0] {
  const { agent: agentId, issuer, subject: id, method, url } = row
  const subject = issuer === null || id === null ? undefined : { issuer, id }
  const type = { contentType: row.content_type ?? undefined, contentEncoding: row.content_encoding ?? undefined }
  return { agentId, subject, method, url, ...type }
}

/** With the key that signs tokens. @throws Refusal `config_error` when that is no Ed25519 key */
async function sign(ticket: Parameters<typeof ticketSigningInput>[0], { signingKeys }: TicketOptions): Promise<string> {
  const { kid, algorithm, sign: signBytes } = await signingKeys.findSigner()
  if (algorithm !== 'EdDSA') throw new Refusal('config_error', 'tickets are signed with an Ed25519 key')
  const input = ticketSigningInput(ticket, kid)
  return `${input}.${Buffer.from(await signBytes(Buffer.from(input))).toString('base64url')}`
}
