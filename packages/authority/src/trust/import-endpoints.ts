import { randomBytes } from 'node:crypto'
import { Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { isOutboundError } from '@countermark/outbound'
import { z } from 'zod'
import { act, type Endpoint, param, read } from '../api/endpoint.ts'
import { ceiling, listOf } from '../api/schemas.ts'
import { parseScopes } from '../registry/ceiling.ts'
import type { RegistryReads, RegistryTransaction } from '../registry/registry-tables.ts'
import { requireTenant } from '../registry/tenants.ts'
import { isTaken } from '../storage/storage-fault.ts'
import { withTrust } from './organisations.ts'
import { createListFetcher } from './refresh-lists.ts'
import { takeEntries } from './take-list.ts'
import { requireServices, type TrustEndpointOptions } from './trust-endpoints.ts'
import { issuerUrl, mayAct, services } from './trust-schemas.ts'
import type { ImportedListRow } from './trust-tables.ts'

const keys = z
  .array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected the SHA-256 thumbprint of a key (RFC 7638)'))
  .min(1)
  .max(10)
const NEW_LIST = z.strictObject({
  ...{ url: z.string().min(1).max(1024), issuer: issuerUrl, keys, ceiling, resources: services.optional() },
  ...{ mayAct: mayAct.default('stated'), refreshMinutes: z.int().min(1).max(1440).default(15) },
})
const LIST = z.object({
  ...{ id: z.string(), tenant: z.string(), url: z.string(), issuer: z.string(), keys: z.array(z.string()) },
  ...{ ceiling: z.array(z.string()), resources: z.array(z.string()).optional(), mayAct: z.string() },
  ...{ refreshMinutes: z.number(), number: z.number(), entries: z.number(), notes: z.array(z.unknown()) },
  ...{ expiresAt: z.number().optional(), failure: z.string().optional(), checkedAt: z.number().optional() },
  createdAt: z.number(),
})
const MOST = 20

/** Signed lists that a tenant imports: added, listed, pinned anew and removed. */
export function importEndpoints(options: TrustEndpointOptions): readonly Endpoint[] {
  const fetcher = createListFetcher(options.http)
  const own = [...options.configured, ...(options.issuer === undefined ? [] : [options.issuer])]
  const path = '/tenants/{tenant}/trust-lists'
  return [
    act({
      ...{ method: 'POST', path, operation: 'importTrustList' },
      summary: 'Believe the organisations of another authority’s signed list, within a ceiling',
      allows: ['admin'],
      ...{ status: 201, body: NEW_LIST, answer: LIST },
      act: async (tables, request) => {
        const { body, nowMs } = request
        const tenant = param(request, 'tenant')
        await requireTenant(tables, tenant)
        requireServices(body.resources ?? [], options.services)
        requireAddress(body.url, fetcher.checkUrl)
        if (own.includes(body.issuer)) throw new Refusal('already_exists', 'this issuer is configured already')
        return resultOf(await insertList(tables, newRow(body, tenant, nowMs)), 'trust_list_imported')
      },
    }),
    read({
      ...{ path, operation: 'listTrustLists', summary: 'Lists that the tenant imports, and how fresh they are' },
      allows: ['admin', 'operator', 'auditor'],
      answer: listOf(LIST),
      read: async (tables, request) => {
        const query = withTrust(tables).selectFrom('imported_lists').selectAll()
        const rows = await query.where('tenant', '=', param(request, 'tenant')).orderBy('issuer').execute()
        return { value: { items: rows.map(view) } }
      },
    }),
    act({
      ...{ method: 'PUT', path: `${path}/{list}/keys`, operation: 'pinTrustList' },
      summary: 'Pin other keys of the publisher, when the list was not followed while its keys changed',
      allows: ['admin'],
      ...{ body: z.strictObject({ keys }), answer: LIST },
      act: async (tables, request) => {
        const row = await findList(tables, param(request, 'tenant'), param(request, 'list'))
        const change = { keys: canonicalJson(request.body.keys), next_at: 0 }
        await withTrust(tables).updateTable('imported_lists').set(change).where('id', '=', row.id).execute()
        return resultOf({ ...row, ...change }, 'trust_list_pinned')
      },
    }),
    act({
      ...{ method: 'DELETE', path: `${path}/{list}`, operation: 'removeTrustList' },
      summary: 'Import a list no longer, and end what agents do on the word of its organisations',
      allows: ['admin'],
      answer: z.object({ list: LIST, tokens: z.number() }),
      act: async (tables, request) => {
        const row = await findList(tables, param(request, 'tenant'), param(request, 'list'))
        const { tokens, removed } = await takeEntries(tables, row, [], { ...options, own, nowMs: request.nowMs })
        await withTrust(tables).deleteFrom('imported_lists').where('id', '=', row.id).execute()
        const { value, event, details } = resultOf(row, 'trust_list_removed')
        return { value: { list: value, tokens }, event, details: { ...details, removed, tokens } }
      },
    }),
  ]
}

function newRow(body: z.output<typeof NEW_LIST>, tenant: string, nowMs: number): ImportedListRow {
  return {
    ...{ id: `tl_${randomBytes(9).toString('hex')}`, tenant, url: body.url, issuer: body.issuer },
    ...{ keys: canonicalJson(body.keys), ceiling: canonicalJson(body.ceiling), may_act: body.mayAct },
    resources: body.resources === undefined ? null : canonicalJson(body.resources),
    ...{ refresh_minutes: body.refreshMinutes, number: 0, issued_at: 0, digest: '', expires_at: 0, entries: 0 },
    ...{ notes: '[]', failure: null, checked_at: null, next_at: 0, created_at: nowMs },
  }
}

async function insertList(tables: RegistryTransaction, row: ImportedListRow): Promise<ImportedListRow> {
  const trust = withTrust(tables)
  const known = await trust.selectFrom('imported_lists').select('id').where('tenant', '=', row.tenant).execute()
  if (known.length >= MOST) throw new Refusal('state_conflict', `a tenant imports at most ${MOST} lists`)
  try {
    await trust.insertInto('imported_lists').values(row).execute()
    return row
  } catch (error) {
    if (isTaken(error)) throw new Refusal('already_exists', 'the tenant imports this list already', { cause: error })
    throw error
  }
}

/** @throws Refusal `input_invalid` */
function requireAddress(url: string, checkUrl: (url: string) => URL): void {
  try {
    checkUrl(url)
  } catch (error) {
    if (!isOutboundError(error)) throw error
    const errors = [{ pointer: '/url', message: error.message }]
    throw new Refusal('input_invalid', 'no list is fetched from this address', { members: { errors } })
  }
}

async function findList(tables: RegistryReads, tenant: string, id: string): Promise<ImportedListRow> {
  const query = withTrust(tables).selectFrom('imported_lists').selectAll().where('tenant', '=', tenant)
  const row = await query.where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new Refusal('not_found', 'the tenant imports no list of this id')
  return row
}

function resultOf(row: ImportedListRow, event: string) {
  const value = view(row)
  const { id: list, tenant, url, issuer, keys: pinned, ceiling: most } = value
  return { value, event, details: { list, tenant, url, issuer, keys: pinned, ceiling: most } }
}

function view(row: ImportedListRow): z.output<typeof LIST> {
  const { id, tenant, url, issuer, may_act, refresh_minutes: refreshMinutes, number, entries, expires_at: end } = row
  return {
    ...{ id, tenant, url, issuer, mayAct: may_act, refreshMinutes, number, entries, createdAt: row.created_at },
    ...{ keys: [...parseScopes(row.keys)], ceiling: [...parseScopes(row.ceiling)], notes: JSON.parse(row.notes) },
    resources: row.resources === null ? undefined : [...parseScopes(row.resources)],
    expiresAt: end === 0 ? undefined : end * 1000,
    ...{ failure: row.failure ?? undefined, checkedAt: row.checked_at ?? undefined },
  }
}
