import type { IssuerSettings } from '@countermark/delegation/internal'
import type { FetcherOptions } from '@countermark/outbound'
import type { Kysely } from 'kysely'
import { parseScopes } from '../registry/ceiling.ts'
import type { RegistryTables } from '../registry/registry-tables.ts'
import type { Organisations } from '../tokens/subject-tokens/organisations.ts'
import { readOrganisation } from './organisations.ts'
import type { TrustTables } from './trust-tables.ts'

const MOST_KEPT = 1000

/** Finds organisations for the endpoints of tokens: by the tenant of the agent, so that no tenant believes for another. */
export function createBelievedOrganisations(
  reads: Kysely<RegistryTables & TrustTables>,
  http: FetcherOptions,
): Organisations {
  const kept = new Map<string, IssuerSettings>()
  const settingsOf = (version: string, row: Parameters<typeof readOrganisation>[0]): IssuerSettings => {
    const known = kept.get(version)
    if (known !== undefined) return known
    const settings = readOrganisation(row, http)
    if (kept.size >= MOST_KEPT) kept.clear()
    kept.set(version, settings)
    return settings
  }
  return {
    find: async (issuer, agentId) => {
      const row = await reads
        .selectFrom('organisations')
        .innerJoin('agents', 'agents.tenant', 'organisations.tenant')
        .selectAll('organisations')
        .where('agents.id', '=', agentId)
        .where('organisations.issuer', '=', issuer)
        .executeTakeFirst()
      if (row === undefined || (row.agents !== null && !parseScopes(row.agents).includes(agentId))) return undefined
      const { id: version, may_act: mayAct } = row
      const resources = row.resources === null ? undefined : parseScopes(row.resources)
      return { version, settings: settingsOf(version, row), mayAct, ceiling: parseScopes(row.ceiling), resources }
    },
    listIssuers: async () => {
      const rows = await reads.selectFrom('organisations').select('issuer').distinct().execute()
      return rows.map(({ issuer }) => issuer)
    },
  }
}
