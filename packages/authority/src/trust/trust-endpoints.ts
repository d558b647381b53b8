import { Refusal } from '@countermark/core'
import type { FetcherOptions } from '@countermark/outbound'
import { z } from 'zod'
import { act, type Endpoint, param, read } from '../api/endpoint.ts'
import { ceiling, label, listOf } from '../api/schemas.ts'
import { findAgentRow } from '../registry/agents.ts'
import type { RegistryReads } from '../registry/registry-tables.ts'
import { requireTenant } from '../registry/tenants.ts'
import { addOrganisation, listOrganisations, removeOrganisation, viewOrganisation, withTrust } from './organisations.ts'
import { agentIds, issuerKeys, issuerUrl, services } from './trust-schemas.ts'
import type { OrganisationRow } from './trust-tables.ts'

/** What trust between organisations needs besides. */
export interface TrustEndpointOptions {
  /** Who issues the tokens of this authority; `undefined`: it issues none. */
  readonly issuer: string | undefined
  /** Issuers that the authority has by its options. */
  readonly configured: readonly string[]
  /** How documents of organisations are fetched. */
  readonly http: FetcherOptions
  /** Services that it issues tokens for. */
  readonly services: readonly string[]
}

const NEW_ORGANISATION = z.strictObject({
  ...{ issuer: issuerUrl, name: label, keys: issuerKeys.default('discover'), ceiling },
  ...{ resources: services.optional(), agents: agentIds.optional() },
  mayAct: z.enum(['stated', 'any-agent']).default('stated'),
})
const ORGANISATION = z.object({
  ...{ id: z.string(), tenant: z.string(), issuer: z.string(), name: z.string(), keys: z.unknown() },
  ...{
    ceiling: z.array(z.string()),
    resources: z.array(z.string()).optional(),
    agents: z.array(z.string()).optional(),
  },
  ...{ mayAct: z.string(), list: z.string().optional(), securityEvents: z.string().optional(), createdAt: z.number() },
})

/** Organisations that a tenant believes: added, listed and removed. */
export function trustEndpoints({
  issuer,
  configured,
  services: known,
  http,
}: TrustEndpointOptions): readonly Endpoint[] {
  const own = [...configured, ...(issuer === undefined ? [] : [issuer])]
  return [
    act({
      ...{ method: 'POST', path: '/tenants/{tenant}/organisations', operation: 'addOrganisation' },
      summary: 'Believe what another organisation says of its users, within a ceiling',
      allows: ['admin'],
      ...{ status: 201, body: NEW_ORGANISATION, answer: ORGANISATION },
      act: async (tables, request) => {
        const { body, nowMs } = request
        const tenant = param(request, 'tenant')
        await requireTenant(tables, tenant)
        await requireAgentsOf(tables, tenant, body.agents ?? [])
        requireServices(body.resources ?? [], known)
        const input = { ...body, tenant, resources: body.resources, agents: body.agents }
        const row = await addOrganisation(tables, input, { own, nowMs, http })
        return resultOf(row, 'organisation_added')
      },
    }),
    read({
      ...{ path: '/tenants/{tenant}/organisations', operation: 'listOrganisations' },
      summary: 'Organisations that the tenant believes, by issuer',
      allows: ['admin', 'operator', 'auditor'],
      answer: listOf(ORGANISATION),
      read: async (tables, request) => {
        return { value: { items: (await listOrganisations(tables, param(request, 'tenant'))).map(viewOrganisation) } }
      },
    }),
    act({
      ...{ method: 'DELETE', path: '/tenants/{tenant}/organisations/{organisation}', operation: 'removeOrganisation' },
      summary: 'Believe an organisation no longer, and end what agents do on its word',
      allows: ['admin'],
      answer: z.object({ organisation: ORGANISATION, tokens: z.number() }),
      act: async (tables, request) => {
        const row = await findOrganisation(tables, param(request, 'tenant'), param(request, 'organisation'))
        const tokens = await removeOrganisation(tables, row, { own: issuer, nowMs: request.nowMs })
        const result = resultOf(row, 'organisation_removed')
        return { ...result, value: { organisation: result.value, tokens }, details: { ...result.details, tokens } }
      },
    }),
  ]
}

async function findOrganisation(tables: RegistryReads, tenant: string, id: string): Promise<OrganisationRow> {
  const query = withTrust(tables).selectFrom('organisations').selectAll().where('tenant', '=', tenant)
  const row = await query.where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'the tenant believes no organisation of this id')
  return row
}

function resultOf(row: OrganisationRow, event: string) {
  const value = viewOrganisation(row)
  const { id: organisation, tenant, issuer, ceiling: given, resources, agents, mayAct } = value
  const details = { organisation, tenant, issuer, ceiling: given, resources, agents, mayAct }
  return { value, event, details: Object.fromEntries(Object.entries(details).filter(([, each]) => each !== undefined)) }
}

/** An agent of another tenant does not exist here. */
export async function requireAgentsOf(tables: RegistryReads, tenant: string, agents: readonly string[]): Promise<void> {
  for (const id of agents) {
    if ((await findAgentRow(tables, id)).tenant !== tenant) throw new Refusal('not_found', 'no agent has this id')
  }
}

/** @throws Refusal `input_invalid` */
export function requireServices(resources: readonly string[], known: readonly string[]): void {
  if (resources.every((resource) => known.includes(resource))) return
  const errors = [{ pointer: '/resources', message: 'expected services that the authority issues tokens for' }]
  throw new Refusal('input_invalid', 'resources must be services that are known here', { members: { errors } })
}
