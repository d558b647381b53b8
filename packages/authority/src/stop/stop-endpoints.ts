import { isRefusal, Refusal } from '@countermark/core'
import type { Transaction } from 'kysely'
import { z } from 'zod'
import type { Authorize } from '../api/authorize.ts'
import { act, type Endpoint, type Input, param, type Request, read } from '../api/endpoint.ts'
import { readCursor, toPage } from '../api/pages.ts'
import { listOf, page, slug } from '../api/schemas.ts'
import { type Rank, rankOf } from '../registry/rank.ts'
import type { RegistryReads, RegistryTables } from '../registry/registry-tables.ts'
import type { TokenTables } from '../tokens/issuing/token-tables.ts'
import type { UserNames } from '../tokens/subject-tokens/user-names.ts'
import { carryOutStop } from './carry-out-stop.ts'
import { findLastSeq } from './door-events.ts'
import { findReach, listDoors } from './doors.ts'
import type { StopRow } from './stop-tables.ts'
import { NEW_STOP, planStop, STOP_TARGET, type StopPlan, type StopTarget } from './stop-target.ts'

/** What stops need besides. */
export interface StopEndpointOptions {
  readonly authorize: Authorize
  /** Who issues the tokens of this authority; `undefined`: it issues none. */
  readonly issuer: string | undefined
  /** What a user of an issuer is called in its tokens. */
  readonly userNames: UserNames
}

const DOOR = z.object({
  ...{ id: z.string(), seq: z.number(), behind: z.number() },
  ...{ lastSeen: z.number(), silentForMs: z.number() },
})
const STOP = z.object({
  ...{ id: z.string(), at: z.number(), kind: z.string(), target: STOP_TARGET, tenant: z.string().optional() },
  ...{ reason: z.string(), by: z.string(), agents: z.number(), tokens: z.number() },
  doors: z.object({
    ...{ doors: z.number(), reached: z.number(), lastMs: z.number().optional(), missing: z.array(DOOR) },
  }),
})
const RADIUS = z.object({
  agents: z.array(z.object({ id: z.string(), name: z.string(), owners: z.array(z.string()) })),
  ...{ tokens: z.number(), users: z.number(), doors: z.number() },
})
const LIST = z.strictObject({ tenant: slug.optional(), ...page })

/** Stops, how far they have come, and the doors that hear of them. */
export function stopEndpoints(options: StopEndpointOptions): readonly Endpoint[] {
  return [
    act({
      ...{
        method: 'POST',
        path: '/stops',
        operation: 'stop',
        summary: 'Stop a token, key, agent, chain, user or tenant',
      },
      allows: ['anybody'],
      ...{ status: 201, body: NEW_STOP, answer: STOP },
      act: async (tables, request) => {
        const { body, caller, nowMs, policy } = request
        const { plan, by } = await planFor(tables, body.target, request, options)
        const { issuer } = options
        const row = await carryOutStop(tables, plan, { ...body, caller: caller.name, by, issuer, policy, nowMs })
        const { id, kind, tenant, reason, agents, tokens, seq } = row
        const { subject, ...named } = { subject: undefined, ...body.target }
        return {
          value: await viewStop(tables, row, nowMs),
          event: 'stopped',
          details: { stop: id, kind, tenant, reason, agents, tokens, seq, target: named },
          people: subject === undefined ? {} : { user: subject },
        }
      },
    }),
    act({
      ...{
        method: 'POST',
        path: '/stops/preview',
        operation: 'previewStop',
        summary: 'Who and what a stop would cut off',
      },
      allows: ['anybody'],
      ...{ body: z.strictObject({ target: STOP_TARGET }), answer: RADIUS },
      act: async (tables, request) => {
        const { plan } = await planFor(tables, request.body.target, request, options)
        const value = await radiusOf(tables, plan, request.nowMs)
        return { value, event: 'stop_previewed', details: { kind: request.body.target.kind } }
      },
    }),
    read({
      ...{ path: '/stops/{stop}', operation: 'getStop', summary: 'How far a stop has come: 12 of 12 doors, 140 ms' },
      allows: ['anybody'],
      answer: STOP,
      read: async (tables, request) => {
        const query = tables.selectFrom('stops').selectAll().where('id', '=', param(request, 'stop'))
        const row = await query.executeTakeFirst()
        if (row === undefined) throw unknownStop()
        if (row.caller !== request.caller.name) await requireReader(tables, request, row, options)
        return { value: await viewStop(tables, row, request.nowMs) }
      },
    }),
    read({
      ...{ path: '/stops', operation: 'listStops', summary: 'Stops of a tenant, or of all, by id' },
      allows: ['admin', 'operator', 'auditor'],
      ...{ query: LIST, answer: listOf(STOP) },
      read: async (tables, { query: { tenant, limit, cursor }, nowMs }) => {
        const all = tables.selectFrom('stops').selectAll().where('id', '>', readCursor(cursor))
        const some = tenant === undefined ? all : all.where('tenant', '=', tenant)
        const found = await some
          .orderBy('id')
          .limit(limit + 1)
          .execute()
        const { rows, next } = toPage(found, limit, ({ id }) => id)
        return { value: { items: await Promise.all(rows.map((row) => viewStop(tables, row, nowMs))), next } }
      },
    }),
    ...DOOR_ENDPOINTS,
  ]
}

const DOOR_ENDPOINTS: readonly Endpoint[] = [
  read({
    ...{ path: '/doors', operation: 'listDoors', summary: 'Guarded processes, and how far behind each of them is' },
    allows: ['admin', 'operator', 'auditor'],
    answer: listOf(DOOR),
    read: async (tables, { nowMs }) => {
      return { value: { items: await listDoors(tables, await findLastSeq(tables), nowMs) } }
    },
  }),
  act({
    ...{ method: 'DELETE', path: '/doors/{door}', operation: 'forgetDoor', summary: 'Forget a door that is gone' },
    allows: ['admin', 'operator'],
    answer: z.object({ id: z.string() }),
    act: async (tables, request) => {
      const door = param(request, 'door')
      const { numDeletedRows } = await tables.deleteFrom('doors').where('id', '=', door).executeTakeFirst()
      if (Number(numDeletedRows) === 0) throw new Refusal('not_found', 'no door has this id')
      await tables.deleteFrom('door_acknowledgements').where('door', '=', door).execute()
      return { value: { id: door }, event: 'door_forgotten', details: { door } }
    },
  }),
]

/** Plans a stop for a caller who may do it. What is another tenant's does not exist for them. @throws Refusal `not_found` */
async function planFor(
  tables: RegistryReads,
  target: StopTarget,
  { caller, nowMs }: Pick<Request<unknown, Input>, 'caller' | 'nowMs'>,
  { authorize, issuer, userNames }: StopEndpointOptions,
): Promise<{ readonly plan: StopPlan; readonly by: Rank }> {
  const plan = await planStop(tables, target, { issuer, nowMs, userNames })
  const { tenant, agent } = plan
  try {
    return {
      plan,
      by: rankOf(await authorize(tables, caller, { allows: ['admin', 'operator', 'owner'], tenant, agent })),
    }
  } catch (error) {
    if (isRefusal(error) && error.code === 'role_missing' && tenant !== undefined && !(await isKnown())) {
      throw new Refusal('not_found', 'there is no such thing here')
    }
    throw error
  }

  async function isKnown(): Promise<boolean> {
    const allows = ['admin', 'operator', 'auditor', 'owner', 'self'] as const
    return authorize(tables, caller, { allows, tenant, agent }).then(
      () => true,
      () => false,
    )
  }
}

async function requireReader(
  tables: RegistryReads,
  { caller }: Pick<Request<unknown, unknown>, 'caller'>,
  { tenant }: StopRow,
  { authorize }: StopEndpointOptions,
): Promise<void> {
  const wanted = { allows: ['admin', 'operator', 'auditor'] as const, tenant: tenant ?? undefined, agent: undefined }
  await authorize(tables, caller, wanted).catch((error: unknown) => {
    throw isRefusal(error) ? unknownStop() : error
  })
}

function unknownStop(): Refusal {
  return new Refusal('not_found', 'no stop has this id')
}

async function viewStop(tables: RegistryReads, row: StopRow, nowMs: number): Promise<z.output<typeof STOP>> {
  const { id, at, kind, target, tenant, reason, caller, agents, tokens } = row
  const { missing, ...doors } = await findReach(tables, row, nowMs)
  return {
    ...{ id, at, kind, target: JSON.parse(target), tenant: tenant ?? undefined, reason, by: caller, agents, tokens },
    doors: { ...doors, missing: [...missing] },
  }
}

async function radiusOf(
  tables: RegistryReads,
  { agents, tokens }: StopPlan,
  nowMs: number,
): Promise<z.output<typeof RADIUS>> {
  const reads = tables as unknown as Pick<Transaction<RegistryTables & TokenTables>, 'selectFrom'>
  const rows = new Map<string, string>()
  for (const target of tokens) {
    const { inTenant, ...named } = { inTenant: undefined, ...target }
    const [[name, value]] = Object.entries(named) as [[keyof typeof COLUMNS, string]]
    const query = reads.selectFrom('tokens').select(['token_id', 'subject']).where('revoked_at', 'is', null)
    const live = query.where('expires_at', '>', Math.floor(nowMs / 1000)).where(COLUMNS[name], '=', value)
    const some = inTenant === undefined ? live : live.where('agent_id', 'in', agentsOf(reads, inTenant))
    for (const { token_id: id, subject } of await some.execute()) rows.set(id, subject)
  }
  const owners = await tables.selectFrom('agent_owners').selectAll().execute()
  return {
    agents: agents.map(({ id, name }) => ({
      ...{ id, name },
      owners: owners.filter(({ agent }) => agent === id).map(({ person }) => person),
    })),
    tokens: rows.size,
    users: new Set(rows.values()).size,
    doors: (await findReach(tables, { seq: 0, at: 0 }, nowMs)).doors,
  }
}

function agentsOf(reads: Pick<Transaction<RegistryTables & TokenTables>, 'selectFrom'>, tenant: string) {
  return reads.selectFrom('agents').select('id').where('tenant', '=', tenant)
}

const COLUMNS = {
  tokenId: 'token_id',
  familyId: 'family_id',
  chainId: 'chain_id',
  agentId: 'agent_id',
  subject: 'subject',
  thumbprint: 'thumbprint',
  clientThumbprint: 'client_thumbprint',
} as const
