import type { MetricRow } from '@countermark/core'
import { defineMetrics, type Metrics } from '@countermark/core/internal'
import { GRANT_NAMES, type GrantName, TOKEN_OPERATIONS, type TokenOperation } from './tokens/issuing/grant-names.ts'
import { OAUTH_ERROR_CODES, type OAuthErrorCode } from './tokens/oauth-error.ts'

interface Labels {
  readonly tokens_issued_total: { readonly grant: GrantName }
  readonly tokens_refused_total: { readonly operation: TokenOperation; readonly error: OAuthErrorCode }
  readonly tokens_revoked_total: Readonly<Record<never, string>>
}

/** What the authority reports. */
export const TOKEN_METRICS: Metrics<Labels> = defineMetrics<Labels>({
  tokens_issued_total: { kind: 'counter', help: 'Tokens that were issued', labels: { grant: GRANT_NAMES } },
  tokens_refused_total: {
    kind: 'counter',
    help: 'Requests for tokens, or about tokens, that were refused',
    labels: { operation: TOKEN_OPERATIONS, error: OAUTH_ERROR_CODES },
  },
  tokens_revoked_total: { kind: 'counter', help: 'Tokens that were revoked', labels: {} },
})

/** Every row, for the tables of the documentation. */
export const METRIC_ROWS: readonly MetricRow[] = TOKEN_METRICS.rows
