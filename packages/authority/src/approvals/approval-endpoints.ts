import { randomBytes } from 'node:crypto'
import { approvalDigest } from '@countermark/capability'
import { isRefusal, Refusal } from '@countermark/core'
import type { Transaction } from 'kysely'
import { z } from 'zod'
import type { Authorize } from '../api/authorize.ts'
import { type ActResult, type Allowed, act, type Endpoint, param, type Request, read } from '../api/endpoint.ts'
import { readCursor, toPage } from '../api/pages.ts'
import { label, listOf, page, slug } from '../api/schemas.ts'
import type { Caller } from '../callers/caller.ts'
import { findAgentRow } from '../registry/agents.ts'
import type { RegistryReads } from '../registry/registry-tables.ts'
import type { SigningKeys } from '../signing-keys/signing-keys.ts'
import type { ApprovalRow, ApprovalTables } from './approval-tables.ts'
import { signTicket } from './sign-ticket.ts'

/** What approvals need besides. */
export interface ApprovalEndpointOptions {
  readonly authorize: Authorize
  readonly signingKeys: SigningKeys
  /** Who approves, as tickets name it. */
  readonly issuer: string
}

const MOST_PENDING = 20
const HOUR_SECONDS = 3600
const DAY_SECONDS = 86_400

const text = z.string().min(1).max(2048)
const ASKED = z.strictObject({
  request: z.strictObject({
    method: z.string().regex(/^[A-Z]{1,16}$/, 'expected a method, such as POST'),
    url: z.url({ protocol: /^https?$/ }).max(2048),
    contentType: z.string().min(1).max(256).optional(),
    /** As transferred, in base64. */
    body: z.base64().max(22_000).default(''),
  }),
  subject: z.strictObject({ issuer: text, id: text }).optional(),
  audience: text,
  /** What the refusal called `approval_digest`: a request that is not the refused one is told apart at once. */
  digest: z.string().length(43).optional(),
  waitSeconds: z.int().min(30).max(DAY_SECONDS).default(HOUR_SECONDS),
})
const APPROVED = z.strictObject({ seconds: z.int().min(30).max(DAY_SECONDS).default(HOUR_SECONDS) })
const REJECTED = z.strictObject({ reason: label })
const LIST = z.strictObject({ tenant: slug, state: z.enum(['pending', 'approved', 'rejected']).optional(), ...page })
const APPROVAL = z.object({
  ...{ id: z.string(), tenant: z.string(), agent: z.string(), audience: z.string(), digest: z.string() },
  subject: z.object({ issuer: z.string(), id: z.string() }).optional(),
  request: z.object({ method: z.string(), url: z.string(), contentType: z.string().optional(), body: z.string() }),
  state: z.enum(['pending', 'approved', 'rejected', 'expired']),
  ...{ askedAt: z.number(), expiresAt: z.number(), decidedBy: z.string().optional(), reason: z.string().optional() },
  /** For the agent alone. */
  ...{ ticket: z.string().optional(), ticketExpiresAt: z.number().optional() },
})

const READERS: readonly Allowed[] = ['admin', 'operator', 'auditor', 'owner', 'self']
const DECIDERS: readonly Allowed[] = ['admin', 'operator', 'owner']

/** Requests that a person has to approve, and the ticket that the agent gets for each. */
export function approvalEndpoints(options: ApprovalEndpointOptions): readonly Endpoint[] {
  return [
    act({
      ...{
        method: 'POST',
        path: '/approvals',
        operation: 'askApproval',
        summary: 'Ask a person to approve one request',
      },
      allows: ['anybody'],
      ...{ status: 202, body: ASKED, answer: APPROVAL },
      act: async (tables, { body, caller, nowMs }) => ask(withApprovals(tables), body, caller, nowMs),
    }),
    read({
      ...{ path: '/approvals', operation: 'listApprovals', summary: 'Requests of a tenant that wait, or are decided' },
      allows: ['admin', 'operator', 'auditor'],
      ...{ query: LIST, answer: listOf(APPROVAL) },
      read: async (tables, { query: { tenant, state, limit, cursor }, caller, nowMs }) => {
        const all = withApprovals(tables).selectFrom('approvals').selectAll().where('tenant', '=', tenant)
        const some = state === undefined ? all : all.where('state', '=', state)
        const behind = some.where('id', '>', readCursor(cursor)).orderBy('id')
        const { rows, next } = toPage(await behind.limit(limit + 1).execute(), limit, ({ id }) => id)
        return { value: { items: rows.map((row) => view(row, caller, nowMs)), next } }
      },
    }),
    read({
      ...{ path: '/approvals/{approval}', operation: 'getApproval', summary: 'Whether it is approved, and the ticket' },
      allows: ['anybody'],
      answer: APPROVAL,
      read: async (tables, request) => {
        const row = await findFor(tables, request, READERS, options)
        return { value: view(row, request.caller, request.nowMs) }
      },
    }),
    act({
      ...{ method: 'POST', path: '/approvals/{approval}/approval', operation: 'approve', summary: 'Approve it, once' },
      allows: ['anybody'],
      ...{ body: APPROVED, answer: APPROVAL },
      act: async (tables, request) => {
        const row = await findFor(tables, request, DECIDERS, options)
        const { nowMs, body } = request
        const issuedAt = Math.floor(nowMs / 1000)
        const claims = { audience: row.audience, agentId: row.agent, digest: row.digest, issuedAt }
        const expiresAt = issuedAt + body.seconds
        const ticket = await signTicket(options.signingKeys, { ...claims, issuer: options.issuer, expiresAt })
        const change = { state: 'approved', ticket, ticket_expires_at: expiresAt * 1000 } as const
        return decide(withApprovals(tables), row, change, request)
      },
    }),
    act({
      ...{ method: 'POST', path: '/approvals/{approval}/rejection', operation: 'reject', summary: 'Reject it' },
      allows: ['anybody'],
      ...{ body: REJECTED, answer: APPROVAL },
      act: async (tables, request) => {
        const row = await findFor(tables, request, DECIDERS, options)
        return decide(withApprovals(tables), row, { state: 'rejected', reason: request.body.reason }, request)
      },
    }),
  ]
}

/** The same database holds both. */
function withApprovals(tables: RegistryReads): Transaction<ApprovalTables> {
  return tables as unknown as Transaction<ApprovalTables>
}

async function ask(
  tables: Transaction<ApprovalTables>,
  { request, subject, audience, digest: stated, waitSeconds }: z.output<typeof ASKED>,
  caller: Caller,
  nowMs: number,
): Promise<ActResult> {
  if (caller.kind !== 'agent') throw new Refusal('role_missing', 'agents ask; people decide')
  const agent = await findAgentRow(tables as unknown as RegistryReads, caller.id)
  const body = Buffer.from(request.body, 'base64')
  const digest = approvalDigest({ ...request, agentId: agent.id, subject, contentType: request.contentType, body })
  if (stated !== undefined && stated !== digest) {
    const message = 'the request is not the one that was refused'
    throw new Refusal('input_invalid', message, { members: { errors: [{ pointer: '/digest', message }] } })
  }
  const waiting = await tables
    .selectFrom('approvals')
    .select('id')
    .where('agent', '=', agent.id)
    .where('state', '=', 'pending')
    .where('expires_at', '>', nowMs)
    .execute()
  if (waiting.length >= MOST_PENDING) throw new Refusal('state_conflict', `${MOST_PENDING} requests of the agent wait`)
  const row: ApprovalRow = {
    ...{ id: `apr_${randomBytes(9).toString('hex')}`, tenant: agent.tenant, agent: agent.id },
    ...{ issuer: subject?.issuer ?? null, subject: subject?.id ?? null, method: request.method, url: request.url },
    ...{ content_type: request.contentType ?? null, body: request.body, digest, audience, state: 'pending' },
    ...{ asked_at: nowMs, expires_at: nowMs + waitSeconds * 1000, decided_by: null, decided_at: null },
    ...{ reason: null, ticket: null, ticket_expires_at: null },
  }
  await tables.insertInto('approvals').values(row).execute()
  return resultOf(row, 'approval_asked', caller, nowMs)
}

/** Without a decision in time it is denied, and decided only once. @throws Refusal `state_conflict` */
async function decide(
  tables: Transaction<ApprovalTables>,
  row: ApprovalRow,
  change: Partial<ApprovalRow> & Pick<ApprovalRow, 'state'>,
  { caller, nowMs }: Pick<Request<unknown, unknown>, 'caller' | 'nowMs'>,
): Promise<ActResult> {
  if (caller.kind === 'agent' && caller.id === row.agent) {
    throw new Refusal('role_missing', 'an agent does not decide about itself, whatever its role')
  }
  if (row.state !== 'pending') throw new Refusal('state_conflict', `it is ${row.state} already`)
  if (!(nowMs < row.expires_at)) throw new Refusal('state_conflict', 'nothing was decided in time, so it is denied')
  const decided = { ...row, ...change, decided_by: caller.name, decided_at: nowMs }
  await tables.updateTable('approvals').set(decided).where('id', '=', row.id).execute()
  return resultOf(decided, `approval_${change.state}`, caller, nowMs)
}

function resultOf(row: ApprovalRow, event: string, caller: Caller, nowMs: number): ActResult {
  const { id, tenant, agent, digest, audience, reason, subject } = row
  const details = { approval: id, tenant, agent, digest, audience, reason }
  return { value: view(row, caller, nowMs), event, details, people: subject === null ? {} : { user: subject } }
}

/** The request, for a caller who may see or decide it; for others there is none. An agent never decides about itself. */
async function findFor(
  tables: RegistryReads,
  request: Pick<Request<unknown, unknown>, 'caller' | 'params'>,
  allows: readonly Allowed[],
  { authorize }: ApprovalEndpointOptions,
): Promise<ApprovalRow> {
  const query = withApprovals(tables).selectFrom('approvals').selectAll()
  const row = await query.where('id', '=', param(request, 'approval')).executeTakeFirst()
  if (row === undefined) throw unknown()
  const agent = await findAgentRow(tables, row.agent)
  await authorize(tables, request.caller, { allows, tenant: row.tenant, agent }).catch((error: unknown) => {
    throw isRefusal(error) && error.code === 'role_missing' && request.caller.id !== row.agent ? unknown() : error
  })
  return row
}

function unknown(): Refusal {
  return new Refusal('not_found', 'no request for approval has this id')
}

function view(row: ApprovalRow, caller: Caller, nowMs: number): z.output<typeof APPROVAL> {
  const { id, tenant, agent, audience, digest, issuer, subject, state } = row
  const isExpired = state === 'pending' && !(nowMs < row.expires_at)
  const isOwn = caller.kind === 'agent' && caller.id === agent
  return {
    ...{ id, tenant, agent, audience, digest },
    subject: issuer === null || subject === null ? undefined : { issuer, id: subject },
    request: { method: row.method, url: row.url, contentType: row.content_type ?? undefined, body: row.body },
    ...{ state: isExpired ? 'expired' : state, askedAt: row.asked_at, expiresAt: row.expires_at },
    ...{ decidedBy: row.decided_by ?? undefined, reason: row.reason ?? undefined },
    ticket: isOwn ? (row.ticket ?? undefined) : undefined,
    ticketExpiresAt: row.ticket_expires_at ?? undefined,
  }
}
