import { Refusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import { parseScopes } from './ceiling.ts'
import type { RegistryReads, RegistryTransaction, TemplateRow } from './registry-tables.ts'

/** What agents of one kind are usually given; their owners' ceilings hold all the same. */
export interface Template {
  readonly tenant: string
  readonly id: string
  readonly ceiling: readonly string[]
  readonly constraints: Readonly<Record<string, unknown>>
  readonly revision: number
}

/** Writes a template, new or changed. Agents that were made from it stay as they are. */
export async function putTemplate(
  tables: RegistryTransaction,
  template: Omit<Template, 'revision'>,
  nowMs: number,
): Promise<Template> {
  const { tenant, id, ceiling, constraints } = template
  const before = await selectTemplate(tables, tenant, id)
  const revision = (before?.revision ?? 0) + 1
  const texts = { ceiling: canonicalJson(ceiling), constraints: canonicalJson(constraints) }
  const row: TemplateRow = { tenant, id, ...texts, created_at: before?.created_at ?? nowMs, revision }
  await tables.deleteFrom('templates').where('tenant', '=', tenant).where('id', '=', id).execute()
  await tables.insertInto('templates').values(row).execute()
  return viewTemplate(row)
}

/** Finds a template. @throws Refusal `not_found` */
export async function findTemplate(tables: RegistryReads, tenant: string, id: string): Promise<Template> {
  const row = await selectTemplate(tables, tenant, id)
  if (row === undefined) throw new Refusal('not_found', 'the tenant has no such template')
  return viewTemplate(row)
}

/** All templates of a tenant. */
export async function listTemplates(tables: RegistryReads, tenant: string): Promise<readonly Template[]> {
  const query = tables.selectFrom('templates').selectAll().where('tenant', '=', tenant)
  return (await query.orderBy('id').execute()).map(viewTemplate)
}

function selectTemplate(tables: RegistryReads, tenant: string, id: string): Promise<TemplateRow | undefined> {
  const query = tables.selectFrom('templates').selectAll().where('tenant', '=', tenant)
  return query.where('id', '=', id).executeTakeFirst()
}

function viewTemplate({ tenant, id, ceiling, constraints, revision }: TemplateRow): Template {
  return { tenant, id, ceiling: parseScopes(ceiling), constraints: JSON.parse(constraints), revision }
}
