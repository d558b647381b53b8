import { isRefusal } from '@countermark/core'
import { canonicalJson } from '@countermark/core/internal'
import type { FetcherOptions } from '@countermark/outbound'
import { parseScopes, withinCeilings } from '../registry/ceiling.ts'
import { findSelected } from '../registry/document.ts'
import type { RegistryTransaction } from '../registry/registry-tables.ts'
import { addOrganisation, type NewOrganisation, removeOrganisation, withTrust } from './organisations.ts'
import type { ListEntry } from './trust-schemas.ts'
import type { ImportedListRow, OrganisationRow } from './trust-tables.ts'

/** What became of an entry that is not as its list has it. */
export interface ListNote {
  readonly issuer: string
  readonly outcome: 'narrowed' | 'left_out'
  readonly why: string
}

/** What taking a list did. */
export interface Taken {
  /** Entries that count now. */
  readonly entries: number
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Tokens that ended with what was removed. */
  readonly tokens: number
  readonly notes: readonly ListNote[]
}

/** What an authority is, for the lists that it takes. */
export interface TakingRules {
  /** Issuers that the authority itself is, or has by its options. */
  readonly own: readonly string[]
  /** Who issues its tokens. */
  readonly issuer: string | undefined
  /** Services that it issues tokens for. */
  readonly services: readonly string[]
  readonly http: FetcherOptions
  readonly nowMs: number
}

/**
 * Makes the organisations of a tenant be those of its list: what is gone ends, what changed ends and begins anew, within the bounds
 * of the import. What an admin or another list has added is never touched.
 */
export async function takeEntries(
  tables: RegistryTransaction,
  list: ImportedListRow,
  entries: readonly ListEntry[],
  rules: TakingRules,
): Promise<Taken> {
  const trust = withTrust(tables)
  const known = await trust.selectFrom('organisations').selectAll().where('tenant', '=', list.tenant).execute()
  const mine = new Map(known.filter((row) => row.list === list.id).map((row) => [row.issuer, row]))
  const others = known.filter((row) => row.list !== list.id).map(({ issuer }) => issuer)
  const { wanted, notes } = await readEntries(tables, list, entries, { ...rules, others })
  const same = new Set<string>()
  for (const input of wanted) {
    const row = mine.get(input.issuer)
    if (row === undefined || !isSame(row, input)) continue
    same.add(input.issuer)
    const change = { name: input.name, security_events: input.securityEvents ?? null }
    await trust.updateTable('organisations').set(change).where('id', '=', row.id).execute()
  }
  let tokens = 0
  const removed = [...mine.values()].filter(({ issuer }) => !same.has(issuer))
  for (const row of removed) {
    tokens += await removeOrganisation(tables, row, { own: rules.issuer, nowMs: rules.nowMs })
  }
  const added: string[] = []
  for (const input of wanted.filter(({ issuer }) => !same.has(issuer))) {
    const why = await tryToAdd(tables, input, list, rules)
    if (why === undefined) added.push(input.issuer)
    else notes.push({ issuer: input.issuer, outcome: 'left_out', why })
  }
  return { entries: same.size + added.length, added, removed: removed.map(({ issuer }) => issuer), tokens, notes }
}

async function tryToAdd(
  tables: RegistryTransaction,
  input: NewOrganisation,
  { id }: ImportedListRow,
  { own, nowMs, http }: TakingRules,
): Promise<string | undefined> {
  try {
    await addOrganisation(tables, input, { own, nowMs, http, list: id })
    return undefined
  } catch (error) {
    // Of these nothing reached the database: `already_exists` was ruled out before.
    if (isRefusal(error) && (error.code === 'input_invalid' || error.code === 'state_conflict')) return error.message
    throw error
  }
}

interface Bounds extends TakingRules {
  /** Issuers that the tenant believes without this list. */
  readonly others: readonly string[]
}

async function readEntries(
  tables: RegistryTransaction,
  list: ImportedListRow,
  entries: readonly ListEntry[],
  bounds: Bounds,
): Promise<{ readonly wanted: readonly NewOrganisation[]; readonly notes: ListNote[] }> {
  const wanted: NewOrganisation[] = []
  const notes: ListNote[] = []
  for (const entry of entries) {
    const leaveOut = (why: string): void => void notes.push({ issuer: entry.issuer, outcome: 'left_out', why })
    if (bounds.own.includes(entry.issuer)) leaveOut('it claims an issuer of this authority')
    else if (bounds.others.includes(entry.issuer)) leaveOut('the tenant believes this issuer by itself')
    else {
      const { input, narrowed } = await narrow(tables, list, entry, bounds)
      const isEmpty = [input.ceiling, input.resources, input.agents].some((names) => names?.length === 0)
      if (isEmpty) leaveOut('nothing of it is within the bounds of the import')
      else {
        wanted.push(input)
        if (narrowed.length > 0) notes.push({ issuer: entry.issuer, outcome: 'narrowed', why: narrowed.join(', ') })
      }
    }
  }
  return { wanted, notes }
}

async function narrow(
  tables: RegistryTransaction,
  list: ImportedListRow,
  entry: ListEntry,
  { services }: Bounds,
): Promise<{ readonly input: NewOrganisation; readonly narrowed: readonly string[] }> {
  const { tenant, may_act: mayAct } = list
  const allowed = list.resources === null ? services : parseScopes(list.resources)
  const ceiling = narrowCeiling(entry.ceiling, parseScopes(list.ceiling))
  const resources =
    entry.resources?.filter((name) => allowed.includes(name)) ?? (list.resources === null ? undefined : allowed)
  const agents = entry.agents && (await agentsOf(tables, tenant, entry.agents))
  const { issuer, name, keys = 'discover', securityEvents } = entry
  const input = { tenant, issuer, name, keys, ceiling, resources, agents, mayAct, securityEvents }
  const isWider = (given: readonly string[] | undefined, kept: readonly string[] | undefined): boolean =>
    (given ?? []).some((each) => !kept?.includes(each))
  const narrowed = (['ceiling', 'resources', 'agents'] as const).filter((member) =>
    isWider(entry[member], input[member]),
  )
  return { input, narrowed }
}

/** What both cover: scopes of the entry within the import, and scopes of the import within the entry. */
function narrowCeiling(given: readonly string[], most: readonly string[]): readonly string[] {
  return [...new Set([...withinCeilings(given, [most]), ...withinCeilings(most, [given])])]
}

/** An agent of another tenant does not exist here. */
async function agentsOf(
  tables: RegistryTransaction,
  tenant: string,
  agents: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = []
  for (const id of agents) if ((await findSelected(tables, id, { tenant })) !== undefined) found.push(id)
  return found
}

function isSame(row: OrganisationRow, input: NewOrganisation): boolean {
  const { keys, ceiling, resources, agents, mayAct } = input
  const asStored = (value: unknown): string | null => (value === undefined ? null : canonicalJson(value))
  return (
    row.keys === canonicalJson(keys) &&
    row.ceiling === canonicalJson(ceiling) &&
    row.resources === asStored(resources) &&
    row.agents === asStored(agents) &&
    row.may_act === mayAct
  )
}
