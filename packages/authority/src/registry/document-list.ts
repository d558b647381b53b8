import { setImmediate } from 'node:timers/promises'
import { parseScopes } from './ceiling.ts'
import { type AgentDocument, type AgentSelection, type DocumentRules, toDocument } from './document.ts'
import { toRegistered } from './registered-agent.ts'
import type { AgentRow, KeyRow, RegistryReads } from './registry-tables.ts'

/** So many agents in one turn of the event loop: an embedded database answers at once, and others wait meanwhile. */
const AT_ONCE = 500

/** Documents of agents that are not retired, the latest changed first. Owners, ceilings and keys of many are read at a time. */
export async function listDocuments(
  tables: RegistryReads,
  { tenant }: AgentSelection,
  rules: DocumentRules,
  most: number,
): Promise<readonly AgentDocument[]> {
  const all = tables.selectFrom('agents').selectAll().where('state', '!=', 'retired')
  const some = tenant === undefined ? all : all.where('tenant', '=', tenant)
  const rows = await some.orderBy('changed_at', 'desc').limit(most).execute()
  const ceilings = await readCeilings(tables, tenant)
  const documents: AgentDocument[] = []
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    documents.push(...(await describeAgents(tables, rows.slice(start, start + AT_ONCE), ceilings, rules)))
    await setImmediate()
  }
  return documents
}

/** What people of a tenant, or of all, may give who have not left. */
type Ceilings = ReadonlyMap<string, readonly string[]>

async function readCeilings(tables: RegistryReads, tenant: string | undefined): Promise<Ceilings> {
  const all = tables.selectFrom('people').select(['tenant', 'id', 'ceiling']).where('state', '=', 'active')
  const rows = await (tenant === undefined ? all : all.where('tenant', '=', tenant)).execute()
  return new Map(rows.map((row) => [nameOf(row.tenant, row.id), parseScopes(row.ceiling)]))
}

function nameOf(tenant: string, person: string): string {
  return JSON.stringify([tenant, person])
}

async function describeAgents(
  tables: RegistryReads,
  rows: readonly AgentRow[],
  ceilings: Ceilings,
  rules: DocumentRules,
): Promise<readonly AgentDocument[]> {
  const ids = rows.map(({ id }) => id)
  const owned = await tables
    .selectFrom('agent_owners')
    .select(['agent', 'person'])
    .where('agent', 'in', ids)
    .orderBy('person')
    .execute()
  const found = await tables
    .selectFrom('agent_keys')
    .selectAll()
    .where('agent', 'in', ids)
    .orderBy('created_at')
    .orderBy('thumbprint')
    .execute()
  const owners = groupBy(owned, ({ agent }) => agent)
  const keys = groupBy<KeyRow>(found, ({ agent }) => agent)
  return rows.map((row) => {
    const people = (owners.get(row.id) ?? []).map(({ person }) => person)
    const answering = people
      .map((person) => ceilings.get(nameOf(row.tenant, person)))
      .filter((each) => each !== undefined)
    return toDocument(row, { agent: toRegistered(row, people, answering), keys: keys.get(row.id) ?? [] }, rules)
  })
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
