import { tryReadDenial } from '@countermark/capability'
import { isRefusal, Refusal } from '@countermark/core'
import type { Authorize } from '../api/authorize.ts'
import { type Allowed, act, type Endpoint, param, type Request, read } from '../api/endpoint.ts'
import { readCursor, toPage } from '../api/pages.ts'
import { listOf } from '../api/schemas.ts'
import { findAgentRow } from '../registry/agents.ts'
import type { RegistryReads } from '../registry/registry-tables.ts'
import { APPROVAL, APPROVED, ASKED, type AskedByAgent, LIST, REJECTED, viewApproval } from './approval-schemas.ts'
import type { ApprovalRow } from './approval-tables.ts'
import { type Asked, ask, invalid, POLL_SECONDS, withApprovals } from './ask-approval.ts'
import { approve, reject, type TicketOptions } from './decide-approval.ts'

/** What approvals need besides. */
export interface ApprovalEndpointOptions extends TicketOptions {
  readonly authorize: Authorize
  /** Under these doors prove what they refused. */
  readonly doorTokens: readonly string[]
}

const READERS: readonly Allowed[] = ['admin', 'operator', 'auditor', 'owner', 'self']
const DECIDERS: readonly Allowed[] = ['admin', 'operator', 'owner']

/** Requests that a person has to approve, and the ticket that the agent gets for each. */
export function approvalEndpoints(options: ApprovalEndpointOptions): readonly Endpoint[] {
  return [askEndpoint(options), LIST_ENDPOINT, findEndpoint(options), ...decisionEndpoints(options)]
}

function askEndpoint(options: ApprovalEndpointOptions): Endpoint {
  return act({
    ...{ method: 'POST', path: '/approvals', operation: 'askApproval', summary: 'Ask a person to approve one request' },
    allows: ['anybody'],
    ...{ status: 202, body: ASKED, answer: APPROVAL },
    act: async (tables, { body, caller, nowMs }) => {
      if (caller.kind !== 'agent') throw new Refusal('role_missing', 'agents ask; people decide')
      const { result } = await ask(withApprovals(tables), askedBy(caller.id, body, options, nowMs), caller, nowMs)
      return result
    },
  })
}

/** What a door bound says more than the agent, and decides. @throws Refusal `input_invalid` */
function askedBy(
  agentId: string,
  asked: AskedByAgent,
  { doorTokens: secrets, issuer: approver }: ApprovalEndpointOptions,
  nowMs: number,
): Asked {
  const { request, subject, bindingToken, audience, digest, waitSeconds } = asked
  if (bindingToken === undefined) {
    if (audience === undefined) throw invalid('/audience', 'name the service, or send the bindingToken of its refusal')
    return { agentId, request, subject, audience, digest, waitSeconds, denial: undefined }
  }
  const denial = tryReadDenial(bindingToken, { secrets, approver, nowMs })
  if (denial === undefined) throw invalid('/bindingToken', 'no service has bound this, or it is too old')
  if (denial.agentId !== agentId) throw invalid('/bindingToken', 'it is about the request of another agent')
  return {
    agentId,
    request,
    subject: denial.subject,
    audience: denial.audience,
    digest: denial.digest,
    waitSeconds,
    denial,
  }
}

const LIST_ENDPOINT = read({
  ...{ path: '/approvals', operation: 'listApprovals', summary: 'Requests of a tenant that wait, or are decided' },
  allows: ['admin', 'operator', 'auditor'],
  ...{ query: LIST, answer: listOf(APPROVAL) },
  read: async (tables, { query: { tenant, state, limit, cursor }, caller, nowMs }) => {
    const all = withApprovals(tables).selectFrom('approvals').selectAll().where('tenant', '=', tenant)
    const some = state === undefined ? all : all.where('state', '=', state)
    const behind = some.where('id', '>', readCursor(cursor)).orderBy('id')
    const { rows, next } = toPage(await behind.limit(limit + 1).execute(), limit, ({ id }) => id)
    return { value: { items: rows.map((row) => viewApproval(row, caller, nowMs)), next } }
  },
})

function findEndpoint(options: ApprovalEndpointOptions): Endpoint {
  return read({
    ...{ path: '/approvals/{approval}', operation: 'getApproval', summary: 'Whether it is approved, and the ticket' },
    allows: ['anybody'],
    answer: APPROVAL,
    read: async (tables, request) => {
      const { caller, nowMs } = request
      const row = await findFor(tables, request, READERS, options)
      const isWaiting = row.state === 'pending' && nowMs < row.expires_at
      const headers = isWaiting ? { 'Retry-After': String(POLL_SECONDS) } : {}
      return { value: viewApproval(row, caller, nowMs), headers }
    },
  })
}

function decisionEndpoints(options: ApprovalEndpointOptions): readonly Endpoint[] {
  return [
    act({
      ...{ method: 'POST', path: '/approvals/{approval}/approval', operation: 'approve' },
      summary: 'Approve it: once, or for so many requests and so much in all',
      allows: ['anybody'],
      ...{ body: APPROVED, answer: APPROVAL },
      act: async (tables, request) => {
        const row = await findFor(tables, request, DECIDERS, options)
        return approve(withApprovals(tables), row, request, options)
      },
    }),
    act({
      ...{ method: 'POST', path: '/approvals/{approval}/rejection', operation: 'reject', summary: 'Reject it' },
      allows: ['anybody'],
      ...{ body: REJECTED, answer: APPROVAL },
      act: async (tables, request) => {
        const row = await findFor(tables, request, DECIDERS, options)
        return reject(withApprovals(tables), row, request.body.reason, request)
      },
    }),
  ]
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
