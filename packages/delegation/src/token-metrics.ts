import type { MetricRow } from '@countermark/core'
import { readMetrics } from '@countermark/core/internal'
import type { AcceptanceRules } from './accept-token.ts'
import type { IssuerSettings } from './issuer-options.ts'
import { REVOCATION_SERVICE_ROW, TOKEN_METRIC_ROWS } from './metric-rows.ts'
import type { RememberedTokens } from './remembered-tokens.ts'

/** What the metrics of one check of tokens are read from. */
export interface MeasuredTokens {
  readonly issuers: readonly IssuerSettings[]
  readonly remembered: RememberedTokens
  readonly acceptance: AcceptanceRules
}

/** What a check of tokens reports, with its issuers, its list of revocations and its source of agents. */
export function tokenMetrics({ issuers, remembered, acceptance }: MeasuredTokens): readonly MetricRow[] {
  const { revocations, agents } = acceptance
  const isUntold = ({ statusLists, introspection }: IssuerSettings): boolean =>
    statusLists?.isFailing() === true || introspection?.isFailing() === true
  return [
    ...readMetrics(TOKEN_METRIC_ROWS, {
      remembered_tokens: remembered.size,
      degraded: () => (issuers.some(({ keys }) => keys.isFailing()) ? 1 : 0),
    }),
    { ...REVOCATION_SERVICE_ROW, read: () => (issuers.some(isUntold) ? 1 : 0) },
    ...(revocations?.metrics ?? []),
    ...(agents?.metrics ?? []),
  ]
}
