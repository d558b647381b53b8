import type { Decision } from '@countermark/core'
import { isJsonObject } from '@countermark/core/internal'

/** How the agent of a request behaved. */
export interface AuditRisk {
  /** What held because the store of behaviour could not answer: `local`, `allow` or `read-only`. */
  readonly fallback?: string | undefined
  /** `throttle`, `read-only`, `approval` or `block`; `allow` where only the fallback is to tell. */
  readonly level: string
  /** 0 to 100. */
  readonly score: number
}

/** What `assessRisk` adds to the facts; its package is none of those that are known here. */
interface RiskInFacts {
  readonly risk?: { readonly level: string; readonly score: number; readonly fallback?: string } | undefined
}

/** What is to record of behaviour; `undefined` for an agent that nothing counts against. Members in the order of canonical JSON. */
export function recordedRisk(facts: Decision['facts']): AuditRisk | undefined {
  const { risk } = facts as RiskInFacts
  if (risk === undefined || (risk.level === 'allow' && risk.fallback === undefined)) return undefined
  const { fallback, level, score } = risk
  return { ...(fallback === undefined ? {} : { fallback }), level, score }
}

/** Whether a value is what a record says of behaviour. */
export function isAuditRisk(value: unknown): boolean {
  if (!isJsonObject(value) || typeof value['level'] !== 'string' || typeof value['score'] !== 'number') return false
  return value['fallback'] === undefined || typeof value['fallback'] === 'string'
}
