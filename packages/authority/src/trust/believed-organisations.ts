import type { Kysely } from 'kysely'
import { parseScopes } from '../registry/ceiling.ts'
import type { RegistryTables } from '../registry/registry-tables.ts'
import type { Organisations } from '../tokens/subject-tokens/organisations.ts'
import type { KnownSettings } from './known-settings.ts'
import { whileListed } from './organisations.ts'
import type { TrustTables } from './trust-tables.ts'

/** Finds organisations for the endpoints of tokens: by the tenant of the agent, so that no tenant believes for another. */
export function createBelievedOrganisations(
  reads: Kysely<RegistryTables & TrustTables>,
  settingsOf: KnownSettings,
  nowMs: () => number,
): Organisations {
  return {
    find: async (issuer, agentId) => {
      const row = await reads
        .selectFrom('organisations')
        .innerJoin('agents', 'agents.tenant', 'organisations.tenant')
        .selectAll('organisations')
        .where('agents.id', '=', agentId)
        .where('organisations.issuer', '=', issuer)
        .where(whileListed(nowMs()))
        .executeTakeFirst()
      if (row === undefined || (row.agents !== null && !parseScopes(row.agents).includes(agentId))) return undefined
      const { id: version, may_act: mayAct } = row
      const resources = row.resources === null ? undefined : parseScopes(row.resources)
      return { version, settings: settingsOf(row), mayAct, ceiling: parseScopes(row.ceiling), resources }
    },
    listIssuers: async () => {
      const rows = await reads.selectFrom('organisations').select('issuer').distinct().execute()
      return rows.map(({ issuer }) => issuer)
    },
  }
}
