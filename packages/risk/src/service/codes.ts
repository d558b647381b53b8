import type { RefusalRow } from '@countermark/core'

/** Codes of the service besides those of guards. Each has a heading in docs/behaviour.md. */
export type RiskServiceCode = 'not_found' | 'method_not_allowed' | 'input_invalid' | 'role_missing'

declare module '@countermark/core' {
  interface ForeignRefusalCodes extends Readonly<Record<RiskServiceCode, true>> {}
}

/** What each of them is answered with. */
export const RISK_SERVICE_CODES: Readonly<Record<RiskServiceCode, RefusalRow>> = {
  not_found: { title: 'Nothing is found under this address', status: 404, retry: 'no' },
  method_not_allowed: { title: 'The resource has no such method', status: 405, retry: 'no' },
  input_invalid: { title: 'The input is not what this asks for', status: 422, retry: 'no' },
  role_missing: { title: 'The caller may not do this', status: 403, retry: 'no' },
}
