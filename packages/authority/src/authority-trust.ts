import type { Environment } from '@countermark/core'
import { standaloneEnvironment } from '@countermark/signature'
import type { Endpoint } from './api/endpoint.ts'
import type { AuthoritySettings } from './authority-options.ts'
import { firstOriginOf } from './authority-tokens.ts'
import { createNetworkBudget } from './callers/network-budget.ts'
import type { Route } from './http/call.ts'
import { TOKEN_METRICS } from './metric-rows.ts'
import type { RegistryTables } from './registry/registry-tables.ts'
import type { StoredSigningKeys } from './signing-keys/signing-keys.ts'
import type { StoredTables } from './storage/store.ts'
import type { Organisations } from './tokens/subject-tokens/organisations.ts'
import { createBelievedOrganisations } from './trust/believed-organisations.ts'
import { importEndpoints } from './trust/import-endpoints.ts'
import { createKnownSettings } from './trust/known-settings.ts'
import { PUBLISH_LIST, publishedListRoute } from './trust/publish-list.ts'
import { createListRefresher, type ListRefresher } from './trust/refresh-lists.ts'
import { securityEventRoutes } from './trust/security-event-routes.ts'
import { type TrustEndpointOptions, trustEndpoints } from './trust/trust-endpoints.ts'
import type { TrustTables } from './trust/trust-tables.ts'

/** Whom tenants believe. */
export interface Trust {
  readonly organisations: Organisations
  readonly endpoints: readonly Endpoint[]
  readonly routes: readonly Route[]
  readonly refresher: ListRefresher
}

interface TrustParts {
  readonly stored: StoredTables<RegistryTables>
  readonly keys: StoredSigningKeys
  readonly report: Environment['report']
  readonly onFault: (error: unknown) => void
}

/** Creates it from the options of the authority. */
export function createTrust(settings: AuthoritySettings, { stored, keys, report, onFault }: TrustParts): Trust {
  const { storage: store, clock, trail, organisationHttp: http, origins } = settings
  const { reads } = store.tables<RegistryTables & TrustTables>()
  const nowMs = (): number => clock.wallMs()
  const options = trustOptions(settings)
  const own = [...options.configured, ...(options.issuer === undefined ? [] : [options.issuer])]
  const issuer = options.issuer ?? firstOriginOf(origins)
  const settingsOf = createKnownSettings(http)
  const pushed = {
    ...{ stored, trail, clock, settingsOf, own: issuer },
    budget: createNetworkBudget(settings),
  }
  return {
    organisations: createBelievedOrganisations(reads, settingsOf, nowMs),
    endpoints: [...trustEndpoints(options), ...importEndpoints(options), PUBLISH_LIST],
    routes: [...securityEventRoutes(pushed), publishedListRoute({ reads, issuer, keys, nowMs })],
    refresher: createListRefresher({
      ...{ ...options, own, stored, trail, onFault, environment: standaloneEnvironment({ clock }) },
      countRefresh: (result) => report(TOKEN_METRICS.measure('trust_lists_refreshed_total', 1, { result })),
    }),
  }
}

/** What the endpoints of trust need to know of the options. */
function trustOptions({ tokens, organisationHttp: http }: AuthoritySettings): TrustEndpointOptions {
  const { users = [], idJag = [] } = tokens?.trustedIssuers ?? {}
  return {
    http,
    issuer: tokens?.issuer,
    configured: [...users, ...idJag].flatMap(({ issuer, aliases = [] }) => [issuer, ...aliases]),
    services: tokens?.services.map(({ audience }) => audience) ?? [],
  }
}
