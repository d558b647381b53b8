import { Misconfigured } from '@countermark/core'
import { custom, number, optionTable, strings, word } from '@countermark/core/internal'
import type { LevelRule } from '../levels/levels.ts'

/** What holds whatever an agent did before. */
export interface RiskLimits {
  /** @default 600 */
  readonly requestsPerMinute?: number
  /** Requests whose method changes something. @default 120 */
  readonly writesPerMinute?: number
  /** Refused, failed and missing ones. @default 30 */
  readonly failuresPerMinute?: number
}

/** How behaviour is judged. */
export interface RiskPolicy {
  /** @default 600 requests, 120 writes and 30 failures in a minute */
  readonly limits?: RiskLimits
  /** Whether what compares with an agent's own past changes its level, or is only reported. @default 'observe' */
  readonly baseline?: 'observe' | 'enforce'
  /** In an agent's first requests only limits and proofs count. Both must have passed. @default 200 requests and 86_400 seconds */
  readonly probation?: { readonly requests?: number; readonly seconds?: number }
  /** Scores from which an agent is throttled, may only read, needs approval, is blocked. @default [30, 50, 70, 90] */
  readonly levels?: readonly [number, number, number, number]
  /** How long a level lasts at least, and each step down. Seconds. @default 60 */
  readonly dwellSeconds?: number
  /** Requests that change nothing whatever their method, such as `POST /search` or `POST /reports/:id/preview`. @default none */
  readonly safeRoutes?: readonly string[]
  /** Scopes that exist to be used by a thief: no honest agent asks for them. @default none */
  readonly honeyScopes?: readonly string[]
}

/** The same after validation. */
export interface RiskRules {
  readonly requestsPerMinute: number
  readonly writesPerMinute: number
  readonly failuresPerMinute: number
  readonly isBaselineEnforced: boolean
  readonly probationRequests: number
  readonly probationSeconds: number
  readonly levels: LevelRule
  readonly safeRoutes: readonly string[]
  readonly honeyScopes: ReadonlySet<string>
}

const LIMITS = optionTable('policy.limits', {
  requestsPerMinute: number({ min: 1, default: 600 }),
  writesPerMinute: number({ min: 1, default: 120 }),
  failuresPerMinute: number({ min: 1, default: 30 }),
})

const PROBATION = optionTable('policy.probation', {
  requests: number({ min: 0, default: 200 }),
  seconds: number({ min: 0, default: 86_400 }),
})

const POLICY = optionTable('policy', {
  limits: custom((_, given = {}) => LIMITS.read(given as object)),
  baseline: word(['observe', 'enforce'], 'observe'),
  probation: custom((_, given = {}) => PROBATION.read(given as object)),
  levels: custom((name, given = [30, 50, 70, 90]) => readLevels(name, given)),
  dwellSeconds: number({ min: 0, max: 86_400, default: 60 }),
  safeRoutes: custom((name, given = []) => readRoutes(name, given)),
  honeyScopes: strings([]),
})

/**
 * Reads how behaviour is judged.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function readPolicy(policy: RiskPolicy = {}): RiskRules {
  const { limits, baseline, probation, levels, dwellSeconds, safeRoutes, honeyScopes } = POLICY.read(policy)
  return {
    ...limits,
    isBaselineEnforced: baseline === 'enforce',
    probationRequests: probation.requests,
    probationSeconds: probation.seconds,
    levels: { from: levels, endsBelow: 0.6, dwellSeconds },
    safeRoutes,
    honeyScopes: new Set(honeyScopes),
  }
}

function readLevels(name: string, given: unknown): LevelRule['from'] {
  const scores: readonly unknown[] = Array.isArray(given) ? given : []
  const [throttle, readOnly, approval, block] = scores
  const isAscending = scores.every(
    (score, at) => typeof score === 'number' && score > (at === 0 ? 0 : Number(scores[at - 1])),
  )
  if (scores.length === 4 && isAscending && Number(block) <= 100) {
    return [Number(throttle), Number(readOnly), Number(approval), Number(block)]
  }
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be four ascending scores above 0 and up to 100`)
}

const ROUTE = /^[A-Z]+ \/\S*$/

function readRoutes(name: string, given: unknown): readonly string[] {
  const routes: readonly unknown[] = Array.isArray(given) ? given : [undefined]
  const texts = routes.filter((route) => typeof route === 'string')
  if (texts.length === routes.length && texts.every((route) => ROUTE.test(route))) return texts
  throw new Misconfigured('ERR_OPTION_INVALID', `${name} must be routes such as 'POST /search'`)
}
