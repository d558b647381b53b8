import { type AgentFact, type AgentView, isRefusal } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
import type { FindArgument } from './arguments/read-arguments.ts'
import { type CapabilityRules, capabilityRules } from './capability-rules.ts'
import { type Decided, decide } from './decide.ts'
import { constrain, requireUnrestricted } from './grants.ts'
import { tryParseRequiredScope } from './scopes/required-scopes.ts'

/** Values that a handler has in hand: amounts in whole minor units, texts, lists of texts. */
export type KnownValues = Readonly<Record<string, string | number | readonly string[]>>

/** `req.agent`, or as much of it as matters. */
type AgentToAsk = AgentFact & Pick<AgentView, 'delegation' | 'capability'>

/**
 * Whether an agent may do something, for a decision inside a handler. It takes nothing: a request counts against its
 * budgets at the guard, amounts against theirs nowhere else, so a constraint on amounts in a time is a no here. What needs an
 * approval is a yes only if this request has brought one.
 * @example
 * if (can(req.agent, 'refunds:create', { amount: 4200, currency: 'USD' }, rules)) await refund(order)
 */
export function can(
  agent: AgentToAsk | undefined,
  scope: string,
  values: KnownValues = {},
  rules: CapabilityRules = capabilityRules(),
): boolean {
  const required = typeof scope === 'string' ? tryParseRequiredScope(scope, rules.rename) : undefined
  if (agent === undefined || required === undefined) return false
  const { delegation, capability } = agent
  const nowMs = rules.clock.wallMs()
  const context = capability?.context
  const decision = { agent, delegation, rules, request: undefined, context, nowMs, argument: findIn(values) }
  const grants = rules.findGrants(decision, rules)
  if (!grants.covers(required)) return false
  const decided = unlessRefused(() => {
    requireUnrestricted(grants, decision)
    return decide([constrain([required], grants)], decision)
  })
  if (!isThenable(decided)) return decided !== undefined && isDone(decided, capability?.approval !== undefined)
  // A promise of the application comes too late: waiting for it is what guards are for.
  decided.then(undefined, () => undefined)
  return false
}

function isDone({ outcome }: Decided, isApproved: boolean): boolean {
  const { budgets, needsApproval } = outcome
  return (!needsApproval || isApproved) && budgets.every(({ unit }) => unit === 'requests')
}

function unlessRefused<Result>(decideNow: () => Result): Result | undefined {
  try {
    return decideNow()
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw error
  }
}

function findIn(values: KnownValues): FindArgument {
  const known = new Map(Object.entries(values))
  return (name) => {
    const value = known.get(name)
    return value === undefined ? { state: 'undeclared' } : { state: 'present', value, isText: false }
  }
}
