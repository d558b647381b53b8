import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { requireFreeName } from '../callers/free-name.ts'
import { resumeAgent, suspendAgent } from '../registry/agent-life.ts'
import { changeAgent, createAgent, viewAgent } from '../registry/agents.ts'
import { rankOf } from '../registry/rank.ts'
import type { AgentRow, RegistryTransaction } from '../registry/registry-tables.ts'
import { findTemplate } from '../registry/templates.ts'
import { requireTenant } from '../registry/tenants.ts'
import { type ActResult, act, agentOf, type Endpoint, read } from './endpoint.ts'
import { readCursor, toPage } from './pages.ts'
import {
  agentAnswer,
  agentId,
  ceiling,
  constraints,
  label,
  listOf,
  page,
  personId,
  reason,
  slug,
  time,
} from './schemas.ts'

const NEW_AGENT = z.strictObject({
  tenant: slug,
  id: agentId.optional(),
  name: label,
  purpose: label,
  type: label.default('agent'),
  version: label.default('1'),
  owners: z.array(personId).min(1).max(16),
  template: slug.optional(),
  ceiling: ceiling.optional(),
  constraints: constraints.optional(),
  expiresAt: time.optional(),
})

const CHANGE = z.strictObject({
  ...{ name: label.optional(), purpose: label.optional(), type: label.optional() },
  owners: z.array(personId).min(1).max(16).optional(),
  ceiling: ceiling.optional(),
  constraints: constraints.optional(),
  expiresAt: time.nullable().optional(),
})

const LIST = z.strictObject({
  tenant: slug,
  state: z.enum(['staged', 'active', 'suspended', 'retired']).optional(),
  ...page,
})

/** Agents: registered, looked at, changed, suspended and resumed. */
export const AGENT_ENDPOINTS: readonly Endpoint[] = [
  act({
    ...{
      method: 'POST',
      path: '/agents',
      operation: 'createAgent',
      summary: 'Register an agent, staged until its first key',
    },
    allows: ['admin', 'operator'],
    ...{ status: 201, body: NEW_AGENT, answer: agentAnswer },
    act: async (tables, { body, nowMs, standing, administrators }) => {
      await requireTenant(tables, body.tenant)
      if (body.id !== undefined)
        await requireFreeName(tables, { ...body, name: `agent:${body.id}`, standing, administrators })
      const template = body.template === undefined ? undefined : await findTemplate(tables, body.tenant, body.template)
      const agent = {
        ...body,
        id: body.id ?? `agt_${randomBytes(9).toString('hex')}`,
        ceiling: body.ceiling ?? template?.ceiling ?? [],
        constraints: body.constraints ?? template?.constraints ?? {},
        by: rankOf(standing),
      }
      return changed(tables, await createAgent(tables, agent, nowMs), 'agent_created')
    },
  }),
  read({
    ...{ path: '/agents', operation: 'listAgents', summary: 'Agents of a tenant, by id' },
    allows: ['admin', 'operator', 'auditor'],
    ...{ query: LIST, answer: listOf(agentAnswer) },
    read: async (tables, { query: { tenant, state, limit, cursor } }) => {
      const all = tables
        .selectFrom('agents')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('id', '>', readCursor(cursor))
      const some = state === undefined ? all : all.where('state', '=', state)
      const { rows, next } = toPage(
        await some
          .orderBy('id')
          .limit(limit + 1)
          .execute(),
        limit,
        ({ id }) => id,
      )
      return { value: { items: await Promise.all(rows.map((row) => viewAgent(tables, row))), next } }
    },
  }),
  read({
    ...{ path: '/agents/{agent}', operation: 'getAgent', summary: 'One agent, and what it may do now' },
    allows: ['admin', 'operator', 'auditor', 'owner', 'self'],
    answer: agentAnswer,
    read: async (tables, request) => {
      const agent = agentOf(request)
      return { value: await viewAgent(tables, agent), revision: agent.revision }
    },
  }),
  act({
    ...{
      method: 'PATCH',
      path: '/agents/{agent}',
      operation: 'changeAgent',
      summary: 'Change what is stated of an agent',
    },
    allows: ['admin', 'operator', 'owner'],
    ...{ body: CHANGE, ifMatch: 'required', answer: agentAnswer },
    act: async (tables, request) => {
      const { body, nowMs, caller, standing } = request
      const by = { rank: rankOf(standing), person: caller.kind === 'person' ? caller.id : undefined }
      return changed(tables, await changeAgent(tables, agentOf(request), body, { by, nowMs }), 'agent_changed', {
        members: Object.keys(body),
      })
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/agents/{agent}/suspension',
      operation: 'suspendAgent',
      summary: 'Stop an agent until it is resumed',
    },
    allows: ['admin', 'operator', 'owner'],
    ...{ body: reason, answer: agentAnswer },
    act: async (tables, request) => {
      const suspension = { reason: request.body.reason, by: rankOf(request.standing) }
      const row = await suspendAgent(tables, agentOf(request), suspension, request.nowMs)
      return changed(tables, row, 'agent_suspended', { reason: request.body.reason })
    },
  }),
  act({
    ...{
      method: 'DELETE',
      path: '/agents/{agent}/suspension',
      operation: 'resumeAgent',
      summary: 'Let a suspended agent go on',
    },
    allows: ['admin', 'operator', 'owner'],
    answer: agentAnswer,
    act: async (tables, request) =>
      changed(
        tables,
        await resumeAgent(tables, agentOf(request), rankOf(request.standing), request.nowMs),
        'agent_resumed',
      ),
  }),
]

/** An act on an agent, as it is answered and recorded. */
export async function changed(
  tables: RegistryTransaction,
  row: AgentRow,
  event: string,
  details: ActResult['details'] = {},
): Promise<ActResult> {
  const value = await viewAgent(tables, row)
  const { id: agent, tenant, state, version, ceiling: given, revision } = value
  return { value, revision, event, details: { agent, tenant, state, version, ceiling: given, ...details } }
}
