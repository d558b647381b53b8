import { z } from 'zod'
import { updateAgent } from '../registry/agent-life.ts'
import { findAgentRow } from '../registry/agents.ts'
import { issueCode } from '../registry/enrolment.ts'
import { activateKey, endKeys, findKeyRow, listKeys, revokeKey, viewKey } from '../registry/keys.ts'
import type { KeyRow } from '../registry/registry-tables.ts'
import { type ActResult, act, agentOf, type Endpoint, param, type Request, read } from './endpoint.ts'
import { keyAnswer, label, listOf, time } from './schemas.ts'

const CODE = z.object({ id: z.string(), code: z.string(), expiresAt: z.number() })
const HOUR_MS = 3_600_000

/** Keys: how they come, and how they end. */
export const KEY_ENDPOINTS: readonly Endpoint[] = [
  act({
    ...{
      method: 'POST',
      path: '/agents/{agent}/enrolment-codes',
      operation: 'issueEnrolmentCode',
      summary: 'Issue a code by which one key enrols; it is told once',
    },
    allows: ['admin', 'operator', 'owner'],
    status: 201,
    body: z.strictObject({ ttlSeconds: z.int().min(60).max(604_800).default(3600) }),
    answer: CODE,
    act: async (tables, request) => {
      const agent = agentOf(request)
      const { caller, body, nowMs } = request
      const value = await issueCode(tables, agent, { createdBy: caller.name, ttlSeconds: body.ttlSeconds, nowMs })
      const { id, expiresAt } = value
      return { value, event: 'enrolment_code_issued', details: { agent: agent.id, enrolment: id, expiresAt } }
    },
  }),
  read({
    ...{ path: '/agents/{agent}/keys', operation: 'listKeys', summary: 'Keys of an agent, with age and last use' },
    allows: ['admin', 'operator', 'auditor', 'owner', 'self'],
    answer: listOf(keyAnswer),
    read: async (tables, request) => {
      const agent = agentOf(request)
      const keys = await listKeys(tables, agent.id)
      return { value: { items: keys.map((key) => viewKey(key, agent, request.policy, request.nowMs)) } }
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/agents/{agent}/keys/{key}/approval',
      operation: 'approveKey',
      summary: 'Approve a key that its agent proposed',
    },
    allows: ['admin', 'operator', 'owner'],
    answer: keyAnswer,
    act: async (tables, request) => {
      const key = await findKeyRow(tables, agentOf(request).id, param(request, 'key'))
      return keyResult(request, (await activateKey(tables, agentOf(request), key, request.nowMs)).key, 'key_approved')
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/agents/{agent}/keys/{key}/revocation',
      operation: 'revokeKey',
      summary: 'Revoke a key at once',
    },
    allows: ['admin', 'operator', 'owner', 'self'],
    body: z.strictObject({ reason: label, last: z.enum(['keep', 'revoke']).default('keep') }),
    answer: keyAnswer,
    act: async (tables, request) => {
      const agent = agentOf(request)
      const { policy, nowMs, body } = request
      const key = await findKeyRow(tables, agent.id, param(request, 'key'))
      const row = await revokeKey(tables, agent, key, { policy, nowMs, last: body.last })
      const result = keyResult(request, row, 'key_revoked')
      return { ...result, details: { ...result.details, reason: body.reason } }
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/agents/{agent}/rotation',
      operation: 'forceRotation',
      summary: 'End the keys of today at a date; the agent must bring another one before',
    },
    allows: ['admin', 'operator', 'owner'],
    body: z.strictObject({ by: time }),
    answer: listOf(keyAnswer),
    act: async (tables, request) => {
      const { body, nowMs, policy } = request
      const agent = agentOf(request)
      const atMs = Math.max(body.by, nowMs)
      await endKeys(tables, agent, await listKeys(tables, agent.id), { atMs, nowMs })
      const row = await updateAgent(tables, agent, { rotate_by: atMs }, nowMs)
      const items = (await listKeys(tables, agent.id)).map((key) => viewKey(key, row, policy, nowMs))
      return { value: { items }, event: 'rotation_forced', details: { agent: agent.id, by: atMs } }
    },
  }),
  act({
    ...{
      method: 'POST',
      path: '/agents/{agent}/versions',
      operation: 'newVersion',
      summary: 'A new version of the agent: the keys of the old one end',
    },
    allows: ['admin', 'operator', 'owner'],
    status: 201,
    body: z.strictObject({ version: label, overlapHours: z.number().min(0).max(48).default(24) }),
    answer: z.object({ version: z.string(), enrolment: CODE, endsAt: z.number() }),
    act: async (tables, request) => {
      const { body, nowMs, caller } = request
      const agent = agentOf(request)
      const enrolment = await issueCode(tables, agent, { createdBy: caller.name, ttlSeconds: 86_400, nowMs })
      const endsAt = nowMs + body.overlapHours * HOUR_MS
      await endKeys(tables, agent, await listKeys(tables, agent.id), { atMs: endsAt, nowMs })
      const { version } = await updateAgent(
        tables,
        await findAgentRow(tables, agent.id),
        { version: body.version },
        nowMs,
      )
      const details = { agent: agent.id, version, before: agent.version, enrolment: enrolment.id, endsAt }
      return { value: { version, enrolment, endsAt }, event: 'agent_version_begun', details }
    },
  }),
]

/** An act on a key, as it is answered and recorded. */
export function keyResult(request: Request<unknown, unknown>, key: KeyRow, event: string): ActResult {
  const value = viewKey(key, agentOf(request), request.policy, request.nowMs)
  const { id, thumbprint, state, kind } = value
  return { value, event, details: { agent: key.agent, key: id, thumbprint, state, kind } }
}
