import { type AgentFact, type AgentView, isRefusal } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
import type { FindArgument } from './arguments/read-arguments.ts'
import { type Asking, askHost, examineScopes, limitScopes, type ScopesExamination } from './asking.ts'
import { type CapabilityRules, capabilityRules } from './capability-rules.ts'
import { requireUnrestricted } from './holdings.ts'
import { findWanted } from './scope-template.ts'

/** Values that a handler has in hand: amounts in whole minor units, texts, lists of texts. */
export type KnownValues = Readonly<Record<string, string | number | readonly string[]>>

/** What is asked about: `req.agent`, or as much of it as matters. */
export type AskedAgent = AgentFact & Pick<AgentView, 'delegation' | 'capability'>

/**
 * Whether an agent may do something, for a decision inside a handler. It takes nothing: a request counts against its
 * budgets at the guard, amounts against theirs nowhere else, so a limit on amounts in a time is a no here. What needs an
 * approval is a yes only if this request has brought one.
 * @example
 * if (can(req.agent, 'refunds:create', { amount: 4200, currency: 'USD' }, rules)) await refund(order)
 */
export function can(
  agent: AskedAgent | undefined,
  wanted: string,
  values: KnownValues = {},
  rules: CapabilityRules = capabilityRules(),
): boolean {
  const scope = typeof wanted === 'string' ? findWanted(wanted, rules.rename) : undefined
  if (agent === undefined || scope === undefined) return false
  const { delegation, capability } = agent
  const nowMs = rules.clock.wallMs()
  const asking: Asking = { agent, delegation, rules, request: undefined, context: capability?.context, nowMs }
  const holdings = rules.findHoldings(asking, rules)
  if (!isUnrestricted(holdings, asking) || !holdings.covers(scope)) return false
  const argument = findIn(values)
  const limited = limitScopes([scope], holdings)
  const before = examineScopes(limited, asking, { argument, answers: [] })
  const answers = before.questions.map((question) => {
    const said = askHost(question, asking, argument)
    // A promise comes too late: waiting for it is what guards are for.
    if (isThenable(said)) said.then(undefined, () => undefined)
    return { ...question, holds: said === true }
  })
  const examination = answers.length === 0 ? before : examineScopes(limited, asking, { argument, answers })
  return isDone(examination, capability?.approval !== undefined)
}

/** A second alternative may depend on the host, too; it was not asked about that one. */
function isDone({ breach, questions, budgets, needsApproval }: ScopesExamination, isApproved: boolean): boolean {
  if (breach !== undefined || (needsApproval && !isApproved)) return false
  return budgets.every(({ unit }) => unit === 'requests') && questions.length === 0
}

function isUnrestricted(...[holdings, asking]: Parameters<typeof requireUnrestricted>): boolean {
  try {
    requireUnrestricted(holdings, asking)
    return true
  } catch (error) {
    if (isRefusal(error)) return false
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
