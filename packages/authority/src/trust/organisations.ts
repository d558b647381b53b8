import { randomBytes } from 'node:crypto'
import { isMisconfigured, Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { type IssuerSettings, readIssuerOptions } from '@countermark/delegation/internal'
import type { FetcherOptions } from '@countermark/outbound'
import { type RawBuilder, type SqlBool, sql, type Transaction } from 'kysely'
import { parseScopes } from '../registry/ceiling.ts'
import type { RegistryReads, RegistryTransaction } from '../registry/registry-tables.ts'
import { endTokens } from '../stop/carry-out-stop.ts'
import { endUser } from '../stop/stop-target.ts'
import { isTaken } from '../storage/storage-fault.ts'
import type { TokenTables } from '../tokens/issuing/token-tables.ts'
import { noteStop } from '../tokens/revocation/token-stops.ts'
import { organisationPrefix } from '../tokens/subject-tokens/organisation-prefix.ts'
import type { OrganisationRow, TrustTables } from './trust-tables.ts'

/** What an organisation is added from. */
export interface NewOrganisation {
  readonly tenant: string
  readonly issuer: string
  readonly name: string
  readonly keys: unknown
  readonly ceiling: readonly string[]
  readonly resources: readonly string[] | undefined
  readonly agents: readonly string[] | undefined
  readonly mayAct: OrganisationRow['may_act']
  readonly securityEvents?: string | undefined
}

/** An organisation as the API shows it. */
export interface OrganisationView {
  readonly id: string
  readonly tenant: string
  readonly issuer: string
  readonly name: string
  readonly keys: unknown
  readonly ceiling: readonly string[]
  readonly resources: readonly string[] | undefined
  readonly agents: readonly string[] | undefined
  readonly mayAct: OrganisationRow['may_act']
  readonly list: string | undefined
  readonly securityEvents: string | undefined
  readonly createdAt: number
}

type Reads = Pick<Transaction<TrustTables>, 'selectFrom'>

const MOST = 1000

/** The same database holds both. */
export function withTrust(tables: RegistryTransaction): Transaction<TrustTables>
export function withTrust(tables: RegistryReads): Reads
export function withTrust(tables: unknown): unknown {
  return tables
}

/** How an organisation is added. */
export interface Adding {
  /** Issuers that the authority itself is, or has by its options. */
  readonly own: readonly string[]
  readonly nowMs: number
  /** How its documents will be fetched: what never could be is refused now. */
  readonly http: FetcherOptions
  /** The list that it came from. */
  readonly list?: string
}

/**
 * Adds an organisation to those that a tenant believes.
 * @throws Refusal `already_exists`, `input_invalid`, `state_conflict`
 */
export async function addOrganisation(
  tables: RegistryTransaction,
  input: NewOrganisation,
  { own, nowMs, http, list }: Adding,
): Promise<OrganisationRow> {
  if (own.includes(input.issuer)) throw new Refusal('already_exists', 'this issuer is configured already')
  const { ceiling, resources, agents, mayAct, keys, securityEvents, ...rest } = input
  requireReadable(input, http)
  const row: OrganisationRow = {
    ...rest,
    id: `org_${randomBytes(9).toString('hex')}`,
    ...{ keys: canonicalJson(keys), ceiling: canonicalJson(ceiling), may_act: mayAct, list: list ?? null },
    resources: resources === undefined ? null : canonicalJson(resources),
    agents: agents === undefined ? null : canonicalJson(agents),
    security_events: securityEvents ?? null,
    created_at: nowMs,
  }
  const trust = withTrust(tables)
  const known = await trust.selectFrom('organisations').select('id').where('tenant', '=', input.tenant).execute()
  if (known.length >= MOST) throw new Refusal('state_conflict', `a tenant believes at most ${MOST} organisations`)
  try {
    await trust.insertInto('organisations').values(row).execute()
  } catch (error) {
    if (isTaken(error)) throw new Refusal('already_exists', 'the tenant believes this issuer already', { cause: error })
    throw error
  }
  return row
}

/** An issuer that could never be asked is refused now, and not when a token comes. */
function requireReadable(input: NewOrganisation, http: FetcherOptions): void {
  try {
    readOrganisation({ ...input, keys: canonicalJson(input.keys) }, http)
  } catch (error) {
    if (!isMisconfigured(error)) throw error
    const errors = [{ pointer: '/keys', message: error.message }]
    throw new Refusal('input_invalid', 'the issuer cannot be asked for its keys', { members: { errors } })
  }
}

/** How its tokens are read. @throws Misconfigured */
export function readOrganisation(
  { issuer, keys }: Pick<OrganisationRow, 'issuer' | 'keys'>,
  http: FetcherOptions,
): IssuerSettings {
  return readIssuerOptions({ issuer, keys: JSON.parse(keys), http, actor: 'optional', statusList: 'when-stated' })
}

/** An entry of a list ends with the list, whether or not anything has taken it away yet. */
export function whileListed(nowMs: number): RawBuilder<SqlBool> {
  return sql<SqlBool>`(organisations.list IS NULL OR EXISTS (
    SELECT 1 FROM imported_lists WHERE imported_lists.id = organisations.list AND imported_lists.expires_at > ${nowMs / 1000}))`
}

/** Organisations of a tenant, by issuer. */
export function listOrganisations(tables: RegistryReads, tenant: string): Promise<OrganisationRow[]> {
  const query = withTrust(tables).selectFrom('organisations').selectAll().where('tenant', '=', tenant)
  return query.orderBy('issuer').execute()
}

/**
 * Believes an organisation no longer, and ends what agents of the tenant do on its word.
 * @returns how many tokens counted until now
 */
export async function removeOrganisation(
  tables: RegistryTransaction,
  { id, tenant, issuer }: OrganisationRow,
  { own, nowMs }: { readonly own: string | undefined; readonly nowMs: number },
): Promise<number> {
  await withTrust(tables).deleteFrom('organisations').where('id', '=', id).execute()
  const prefix = organisationPrefix(issuer)
  // What is on its way may be about a user of whom nothing is found yet.
  const stop = { at: Math.floor(nowMs / 1000), kind: 'subject', name: prefix, tenant } as const
  await noteStop(tables as unknown as Transaction<TokenTables>, stop)
  const names = await findSubjects(tables, tenant, prefix)
  return (await endTokens(tables, endUser(names, tenant), { issuer: own, nowMs })).length
}

/** Users of an issuer that something still speaks for. */
async function findSubjects(tables: RegistryTransaction, tenant: string, prefix: string): Promise<readonly string[]> {
  const begins = (column: RawBuilder<string>): RawBuilder<SqlBool> =>
    sql<SqlBool>`substr(${column}, 1, ${sql.lit(prefix.length)}) = ${prefix}`
  const agents = sql`(SELECT id FROM agents WHERE tenant = ${tenant})`
  const found = ['tokens', 'refresh_tokens', 'delegations'].map(async (table) => {
    const { rows } = await sql<{ readonly subject: string }>`
      SELECT DISTINCT subject FROM ${sql.table(table)}
      WHERE ${begins(sql.ref('subject'))} AND agent_id IN ${agents}`.execute(tables)
    return rows.map(({ subject }) => subject)
  })
  const names: string[] = []
  for (const each of found) names.push(...(await each))
  return [...new Set(names)]
}

/** How the API shows an organisation. */
export function viewOrganisation(row: OrganisationRow): OrganisationView {
  const { id, tenant, issuer, name, may_act: mayAct, created_at: createdAt } = row
  return {
    ...{ id, tenant, issuer, name, mayAct, createdAt, keys: JSON.parse(row.keys) },
    ceiling: parseScopes(row.ceiling),
    resources: row.resources === null ? undefined : parseScopes(row.resources),
    agents: row.agents === null ? undefined : parseScopes(row.agents),
    ...{ list: row.list ?? undefined, securityEvents: row.security_events ?? undefined },
  }
}
