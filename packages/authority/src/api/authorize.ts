import { Refusal } from '@countermark/core'
import { type Caller, EVERY_TENANT } from '../callers/caller.ts'
import { findRoles } from '../callers/role-tables.ts'
import type { AgentRow, RegistryReads } from '../registry/registry-tables.ts'
import type { Allowed, Standing } from './endpoint.ts'

/** What a caller wants to do, and where. */
export interface Wanted {
  readonly allows: readonly Allowed[]
  readonly tenant: string | undefined
  readonly agent: AgentRow | undefined
}

/** Decides whether callers may do what they want, and says what they are. */
export type Authorize = (tables: RegistryReads, caller: Caller, wanted: Wanted) => Promise<Standing>

const ADMINISTRATOR: Standing = { held: ['admin'], everywhere: ['admin'] }

/**
 * Makes the decision; `administrators` are admins in every tenant, whatever the database says.
 * @throws Refusal `role_missing`; `not_found` to callers who must not learn that there is such an agent
 */
export function createAuthorize(administrators: ReadonlySet<string>): Authorize {
  return async (tables, caller, { allows, tenant, agent }) => {
    if (administrators.has(caller.name)) return ADMINISTRATOR
    const roles = await findRoles(tables, caller.name, tenant)
    const held: readonly Allowed[] = [...roles.map(({ role }) => role), ...(await relationsTo(tables, caller, agent))]
    const everywhere = roles.filter((row) => row.tenant === EVERY_TENANT).map(({ role }) => role)
    if (allows.includes('anybody') || held.some((one) => allows.includes(one))) return { held, everywhere }
    if (agent !== undefined && held.length === 0) throw new Refusal('not_found', 'no agent has this id')
    throw new Refusal('role_missing', `this needs one of: ${allows.join(', ')}`)
  }
}

async function relationsTo(
  tables: RegistryReads,
  { kind, id }: Caller,
  agent: AgentRow | undefined,
): Promise<readonly Allowed[]> {
  if (agent === undefined) return []
  if (kind === 'agent') return id === agent.id ? ['self'] : []
  const query = tables.selectFrom('agent_owners').select('person').where('agent', '=', agent.id)
  const found = await query.where('person', '=', id).executeTakeFirst()
  return found === undefined ? [] : ['owner']
}
