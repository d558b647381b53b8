import type { IssuerSettings } from '@countermark/delegation/internal'
import type { FetcherOptions } from '@countermark/outbound'
import { readOrganisation } from './organisations.ts'
import type { OrganisationRow } from './trust-tables.ts'

/** How tokens of an organisation are read; the same for the same row, so that its keys are fetched once for all who ask. */
export type KnownSettings = (row: Pick<OrganisationRow, 'id' | 'issuer' | 'keys'>) => IssuerSettings

const MOST_KEPT = 1000

/** Keeps settings with the keys that they have fetched. A row whose keys change gets another id. */
export function createKnownSettings(http: FetcherOptions): KnownSettings {
  const kept = new Map<string, IssuerSettings>()
  return (row) => {
    const known = kept.get(row.id)
    if (known !== undefined) return known
    const settings = readOrganisation(row, http)
    const [oldest] = kept.keys()
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    kept.set(row.id, settings)
    return settings
  }
}
