import { type AgentKey, importPublicKey, Refusal } from '@countermark/core'
import { z } from 'zod'
import type { Authentication } from '../callers/authenticate.ts'
import type { Caller } from '../callers/caller.ts'
import type { NetworkBudget } from '../callers/network-budget.ts'
import { noteAct } from '../events/outbox.ts'
import { type Answer, type Call, jsonAnswer, type Route } from '../http/call.ts'
import { findAgentRow } from '../registry/agents.ts'
import { findCode, useCode } from '../registry/enrolment.ts'
import { isUsable, type KeyPolicy, statusOfKey } from '../registry/key-policy.ts'
import { activateKey, addKey, endKeys, findKeyRow, listKeys, toKeyRow, viewKey } from '../registry/keys.ts'
import { type AgentRow, type KeyRow, REGISTRY_LOCK, type RegistryTransaction } from '../registry/registry-tables.ts'
import type { ActResult } from './endpoint.ts'
import { readBody } from './input.ts'
import type { DescribedRoute } from './openapi.ts'
import { agentId, keyId, publicKey } from './schemas.ts'
import { recorded, type ServeOptions } from './serve.ts'

/** What enrolment needs besides. */
export interface EnrolmentOptions extends ServeOptions {
  readonly requireSignedBy: Authentication['requireSignedBy']
  /** How long the key that signs the rotation goes on. Hours, 24 to 48. */
  readonly overlapHours: number
  /** Any key may sign an enrolment: what its network may cost is limited. */
  readonly budget: NetworkBudget
}

const KIND = z.enum(['software', 'hardware', 'workload']).default('software')
/** With a code the key counts at once; without one an owner has to approve it. */
export const ENROLMENT: z.ZodType<{
  readonly code?: string | undefined
  readonly agent?: string | undefined
  readonly key: z.output<typeof publicKey>
  readonly kid?: string | undefined
  readonly kind: string
}> = z.union([
  z.strictObject({ code: z.string().min(1).max(128), key: publicKey, kid: keyId.optional(), kind: KIND }),
  z.strictObject({ agent: agentId, key: publicKey, kid: keyId.optional(), kind: KIND }),
])
/** A key that shall follow the one that signs. */
export const SUCCESSOR: z.ZodType<{
  readonly key: z.output<typeof publicKey>
  readonly kid?: string | undefined
  readonly kind: string
}> = z.strictObject({ key: publicKey, kid: keyId.optional(), kind: KIND })

/** The same for OpenAPI. */
export const OTHER_OPERATIONS: readonly DescribedRoute[] = [
  {
    ...{ method: 'POST', path: '/enrolments', operation: 'enrolKey', body: ENROLMENT },
    summary: 'Enrol a key by a code, or propose it to an owner; signed by the key itself',
  },
  {
    ...{ method: 'POST', path: '/agents/{agent}/keys', operation: 'beginRotation', body: SUCCESSOR },
    summary: 'Say which key follows; signed by the key that goes',
  },
  {
    ...{ method: 'POST', path: '/agents/{agent}/keys/{key}/activation', operation: 'finishRotation' },
    summary: 'Let the new key count; signed by the new key',
  },
  {
    ...{ method: 'GET', path: '/registry/{agent}', operation: 'readRegistry' },
    summary: 'An agent with its keys, for doors',
  },
]

const HOUR_MS = 3_600_000
const MOST_PENDING = 5

/** Routes on which keys prove that their agents have them: each request is signed by the key that it is about. */
export function enrolmentRoutes(options: EnrolmentOptions): readonly Route[] {
  return [
    { method: 'POST', path: '/enrolments', handle: (call) => enrolWithin(call, options) },
    { method: 'POST', path: '/agents/{agent}/keys', handle: (call) => propose(call, options) },
    { method: 'POST', path: '/agents/{agent}/keys/{key}/activation', handle: (call) => activate(call, options) },
  ]
}

/** Proposals cost the network that sends them, with a code only those that are refused: before a claim or a lock is taken. */
async function enrolWithin(call: Call, options: EnrolmentOptions): Promise<Answer> {
  const { budget } = options
  budget.requireRoom(call)
  try {
    const answer = await enrol(call, options)
    if (answer.status === 202) budget.charge(call)
    return answer
  } catch (error) {
    budget.charge(call)
    throw error
  }
}

/** The new key signs; a code, or later an owner, says whose it is. */
async function enrol(call: Call, options: EnrolmentOptions): Promise<Answer> {
  const { requireSignedBy, clock } = options
  const { code, agent: named, key: material, kid, kind } = readBody(call, ENROLMENT) as z.output<typeof ENROLMENT>
  const signer = await requireSignedBy(call, proposedKey(material))
  return change(call, options, async (tables) => {
    const nowMs = clock.wallMs()
    const enrolment = code === undefined ? undefined : await findCode(tables, code, nowMs)
    const agent = await findAgentRow(tables, enrolment?.agent ?? named ?? '').catch(refuseUnknown)
    if (signer !== undefined && signer !== agent.id) refuseUnknown()
    if (enrolment === undefined) await requireFewPending(tables, agent, 'proposed')
    const row = await addKey(tables, agent, toKeyRow(agent, { material, kid, kind }, nowMs))
    if (enrolment === undefined) return { agent, key: row, event: 'key_proposed', status: 202 }
    await useCode(tables, enrolment, nowMs)
    return { ...(await activateKey(tables, agent, row, nowMs)), event: 'key_enrolled', status: 201, by: enrolment.id }
  })

  function refuseUnknown(): never {
    throw new Refusal('enrolment_refused', 'no agent of this id takes proposals of keys')
  }
}

/** The old key signs, and says which key shall follow it. That one counts once it has signed, too. */
async function propose(call: Call, options: EnrolmentOptions): Promise<Answer> {
  const { findCaller, clock } = options
  const caller = await findCaller(call)
  if (caller.kind !== 'agent' || caller.id !== call.params['agent']) {
    throw new Refusal('role_missing', 'only the agent itself brings its next key; others issue an enrolment code')
  }
  const { key: material, kid, kind } = readBody(call, SUCCESSOR) as z.output<typeof SUCCESSOR>
  return change(call, options, async (tables) => {
    const agent = await findAgentRow(tables, caller.id)
    await requireFewPending(tables, agent, 'successor')
    const key = await addKey(tables, agent, toKeyRow(agent, { material, kid, kind }, clock.wallMs()))
    return { agent, key: await markSuccessor(tables, key, caller.thumbprint), event: 'key_rotation_begun', status: 202 }
  })
}

/** The new key signs: from now on it counts, and the one that brought it ends after the overlap. */
async function activate(call: Call, options: EnrolmentOptions): Promise<Answer> {
  const { requireSignedBy, stored, clock, policy, overlapHours } = options
  readBody(call, undefined)
  const { agent: id = '', key: name = '' } = call.params
  const pending = await findKeyRow(stored.reads, id, name)
  await requireSignedBy(call, proposedKey(JSON.parse(pending.jwk)))
  return change(call, options, async (tables) => {
    const nowMs = clock.wallMs()
    const agent = await findAgentRow(tables, id)
    const key = await findKeyRow(tables, id, pending.thumbprint)
    if (key.follows === null) throw new Refusal('state_conflict', 'an owner has to approve this key')
    const before = (await listKeys(tables, id)).filter(({ thumbprint }) => thumbprint === key.follows)
    requireTrusted(agent, before, { policy, nowMs })
    const active = await activateKey(tables, agent, key, nowMs)
    await endKeys(tables, agent, before, { atMs: nowMs + overlapHours * HOUR_MS, nowMs })
    return { ...active, event: 'key_rotated', status: 200 }
  })
}

/** What was stopped must not come back by a key that it brought before. @throws Refusal `state_conflict` */
function requireTrusted(
  agent: AgentRow,
  before: readonly KeyRow[],
  { policy, nowMs }: { readonly policy: KeyPolicy; readonly nowMs: number },
): void {
  if (agent.state !== 'active') throw new Refusal('state_conflict', 'the agent is not active')
  if (before.every((key) => isUsable(statusOfKey(key, agent, policy, nowMs)))) return
  throw new Refusal('state_conflict', 'the key that brought this one counts no longer; enrol another by a code')
}

interface Changed {
  readonly agent: AgentRow
  readonly key: KeyRow
  readonly event: string
  readonly status: number
  /** The code that was used. */
  readonly by?: string
}

/** Changes the registry with a record, as endpoints do; the caller is the agent whose key signed. */
function change(
  call: Call,
  options: EnrolmentOptions,
  work: (tables: RegistryTransaction) => Promise<Changed>,
): Promise<Answer> {
  const { stored, trail, policy, clock } = options
  return recorded(trail, call, (record) =>
    stored.transaction(REGISTRY_LOCK, async (tables) => {
      const { agent, key, event, status, by } = await work(tables)
      const value = { agent: agent.id, agentState: agent.state, ...viewKey(key, agent, policy, clock.wallMs()) }
      const { thumbprint, kind, state } = value
      const details: ActResult['details'] = {
        agent: agent.id,
        key: key.kid,
        thumbprint,
        kind,
        state,
        enrolment: by ?? null,
      }
      const told = { ...details, tenant: agent.tenant }
      await noteAct(tables, { event, details: told }, clock.wallMs())
      await record(signerOf(agent), { value, event, details })
      return jsonAnswer(status, value)
    }),
  )
}

function signerOf({ id }: AgentRow): Caller {
  return { name: `agent:${id}`, kind: 'agent', id, thumbprint: undefined }
}

async function markSuccessor(tables: RegistryTransaction, key: KeyRow, follows: string | undefined): Promise<KeyRow> {
  const row: KeyRow = { ...key, follows: follows ?? null }
  await tables
    .updateTable('agent_keys')
    .set({ follows: row.follows })
    .where('thumbprint', '=', key.thumbprint)
    .execute()
  return row
}

/** Anybody who knows an agent's id can propose keys: a few wait, more are refused, and none of them stops a rotation. */
async function requireFewPending(
  tables: RegistryTransaction,
  { id }: AgentRow,
  kind: 'proposed' | 'successor',
): Promise<void> {
  const pending = (await listKeys(tables, id)).filter(({ state }) => state === 'pending')
  const alike = pending.filter(({ follows }) => (follows === null) === (kind === 'proposed'))
  if (alike.length < MOST_PENDING) return
  throw new Refusal('enrolment_refused', `${MOST_PENDING} keys of this agent wait already`)
}

/** The key as the request brings it; that it signs is what makes it count. */
function proposedKey(material: z.output<typeof publicKey>): AgentKey {
  const imported = importPublicKey(material as Parameters<typeof importPublicKey>[0])
  return {
    ...imported,
    agent: { id: 'proposed', state: 'active' },
    keyId: imported.thumbprint,
    ...{ state: 'active', notBefore: undefined, notAfter: undefined, schemes: undefined },
  }
}
