import {
  type AgentRequest,
  type Check,
  type DelegationFact,
  defineCheck,
  Misconfigured,
  Refusal,
} from '@countermark/core'
import { requireObject } from '@countermark/core/internal'

/** A value that a claim may have. */
export type ClaimValue = string | number | boolean

/** What a claim must be: this value, one of these, or whatever a function finds right. A list in a claim is not searched. */
export type ClaimExpectation = ClaimValue | readonly ClaimValue[] | ((value: unknown, request: AgentRequest) => boolean)

type Holds = (value: unknown, request: AgentRequest) => boolean

/**
 * Checks claims of the token that one route asks for. A claim that is absent is refused like one of another value; a function
 * gets `undefined` for it, and only `true` lets pass. Behind links that agents signed, the claims are those of the token.
 * @example
 * guard(requireClaims({ tenant: 'acme', tier: ['gold', 'silver'], groups: (value) => Array.isArray(value) && value.includes('ops') }))
 * @throws {@link Misconfigured}
 */
export function requireClaims(
  claims: Readonly<Record<string, ClaimExpectation>>,
): Check<{ readonly delegation: DelegationFact }, object> {
  const rules = readRules(claims)
  return defineCheck<{ readonly delegation: DelegationFact }, object>(
    {
      name: 'requireClaims',
      needs: ['delegation'],
      adds: [],
      settings: {
        claims: Object.entries(claims).map(([name, is]) => [name, typeof is === 'function' ? 'function' : is]),
      },
    },
    (request, { delegation }) => {
      for (const [name, holds] of rules) {
        // A promise, such as that of an async function, is not true.
        if (holds(delegation.claims[name], request) === true) continue
        throw new Refusal('constraint_violation', `this asks for another value of the token's claim ${name}`)
      }
      return {}
    },
  )
}

function readRules(claims: Readonly<Record<string, ClaimExpectation>>): readonly (readonly [string, Holds])[] {
  requireObject('requireClaims', claims)
  const rules = Object.entries(claims).map(([name, expectation]) => [name, toHolds(name, expectation)] as const)
  if (rules.length > 0) return rules
  throw new Misconfigured('ERR_OPTION_MISSING', "requireClaims must name a claim, such as { tenant: 'acme' }")
}

function toHolds(name: string, expectation: ClaimExpectation): Holds {
  if (typeof expectation === 'function') return expectation
  const allowed: readonly unknown[] = Array.isArray(expectation) ? [...expectation] : [expectation]
  if (allowed.length > 0 && allowed.every((value) => PLAIN.has(typeof value))) return (value) => allowed.includes(value)
  throw new Misconfigured(
    'ERR_OPTION_INVALID',
    `requireClaims: ${name} must be a string, a number, a boolean, a list of these or a function`,
  )
}

const PLAIN: ReadonlySet<string> = new Set(['string', 'number', 'boolean'])
