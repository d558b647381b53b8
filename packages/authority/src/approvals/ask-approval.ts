import { randomBytes } from 'node:crypto'
import { approvalDigest, type BoundDenial } from '@countermark/capability'
import { Refusal } from '@countermark/core'
import type { Transaction } from 'kysely'
import type { ActResult } from '../api/endpoint.ts'
import type { Caller } from '../callers/caller.ts'
import { findAgentRow } from '../registry/agents.ts'
import type { RegistryReads } from '../registry/registry-tables.ts'
import { type AskedByDoor, viewApproval } from './approval-schemas.ts'
import type { ApprovalRow, ApprovalTables } from './approval-tables.ts'

/** How long agents wait before they ask whether something was decided. Seconds. */
export const POLL_SECONDS = 5

/** A request for approval, and how it is known that it was refused. */
export interface Asked extends Pick<AskedByDoor, 'request' | 'subject' | 'audience' | 'waitSeconds'> {
  readonly agentId: string
  /** What the refusal said; a request that is another one is told apart. */
  readonly digest: string | undefined
  /** The door's word; `undefined` where there is none. */
  readonly denial: Pick<BoundDenial, 'door' | 'route' | 'amount'> | undefined
}

const MOST_PENDING = 20

/** The same database holds both. */
export function withApprovals(tables: RegistryReads): Transaction<ApprovalTables> {
  return tables as unknown as Transaction<ApprovalTables>
}

/**
 * Leaves a request for people. One that waits already is not left a second time: who asks again gets the same answer.
 * @throws Refusal `input_invalid`, `not_found`, `state_conflict`
 */
export async function ask(
  tables: Transaction<ApprovalTables>,
  asked: Asked,
  caller: Caller,
  nowMs: number,
): Promise<{ readonly row: ApprovalRow; readonly result: ActResult }> {
  const agent = await findAgentRow(tables as unknown as RegistryReads, asked.agentId)
  const digest = digestOf(asked)
  if (asked.digest !== undefined && asked.digest !== digest) {
    throw invalid('/digest', 'the request is not the one that was refused')
  }
  const query = tables.selectFrom('approvals').selectAll().where('agent', '=', agent.id)
  const waiting = await query.where('state', '=', 'pending').where('expires_at', '>', nowMs).execute()
  const same = waiting.find((row) => row.digest === digest && row.audience === asked.audience)
  if (same !== undefined) {
    const row = await addDenial(tables, same, asked.denial)
    return { row, result: askedResult(row, caller, nowMs) }
  }
  if (waiting.length >= MOST_PENDING) throw new Refusal('state_conflict', `${MOST_PENDING} requests of the agent wait`)
  const row = toRow(asked, { digest, agent: agent.id, tenant: agent.tenant, nowMs })
  await tables.insertInto('approvals').values(row).execute()
  return { row, result: askedResult(row, caller, nowMs) }
}

/** An agent that asks before its door does must not hide what the door has read: how much the request moves. */
async function addDenial(
  tables: Transaction<ApprovalTables>,
  row: ApprovalRow,
  denial: Asked['denial'],
): Promise<ApprovalRow> {
  if (denial === undefined || row.door !== null) return row
  const said = toDenial(denial)
  await tables.updateTable('approvals').set(said).where('id', '=', row.id).execute()
  return { ...row, ...said }
}

function toDenial(denial: Asked['denial']): Pick<ApprovalRow, 'door' | 'route' | 'amount' | 'currency'> {
  const { value: amount = null, currency = null } = denial?.amount ?? {}
  return { door: denial?.door ?? null, route: denial?.route ?? null, amount, currency }
}

function digestOf({ agentId, request, subject }: Asked): string {
  const { method, url, contentType, contentEncoding, body } = request
  const content = Buffer.from(body, 'base64')
  return approvalDigest({ agentId, subject, method, url, contentType, contentEncoding, body: content })
}

function toRow(
  { request, subject, audience, waitSeconds, denial }: Asked,
  known: Pick<ApprovalRow, 'digest' | 'agent' | 'tenant'> & { readonly nowMs: number },
): ApprovalRow {
  const { nowMs, ...about } = known
  return {
    ...{ id: `apr_${randomBytes(9).toString('hex')}`, ...about, audience, state: 'pending' },
    ...{ issuer: subject?.issuer ?? null, subject: subject?.id ?? null, method: request.method, url: request.url },
    ...{ content_type: request.contentType ?? null, content_encoding: request.contentEncoding ?? null },
    ...{ body: request.body, ...toDenial(denial), uses: null, most: null },
    ...{ asked_at: nowMs, expires_at: nowMs + waitSeconds * 1000, decided_by: null, decided_at: null },
    ...{ reason: null, ticket: null, ticket_expires_at: null },
  }
}

function askedResult(row: ApprovalRow, caller: Caller, nowMs: number): ActResult {
  return { ...resultOf(row, 'approval_asked', caller, nowMs), headers: { 'Retry-After': String(POLL_SECONDS) } }
}

/** What is answered and recorded of a request: no ticket, and the user only where it can be erased. */
export function resultOf(row: ApprovalRow, event: string, caller: Caller, nowMs: number): ActResult {
  const { id, tenant, agent, digest, audience, reason, subject, door, route, uses, most, currency } = row
  const details = { approval: id, tenant, agent, digest, audience, reason, door, route, uses, most, currency }
  const people = subject === null ? {} : { user: subject }
  return { value: viewApproval(row, caller, nowMs), event, details, people }
}

/** @throws never; makes the refusal of one member of the body */
export function invalid(pointer: string, message: string): Refusal {
  return new Refusal('input_invalid', message, { members: { errors: [{ pointer, message }] } })
}
