import { isSafeMethod } from '@countermark/core/internal'
import type { BudgetClaim } from '../budgets/budget-store.ts'
import type { BudgetCost, ConstraintInput, ConstraintResult, HostAnswer, HostConstraintCall } from './constraint.ts'
import type { ConstrainedScope, ConstraintGroup, ConstraintSet } from './constraint-groups.ts'
import type { Constraint } from './constraint-table.ts'

/** The constraint that a request violates. */
export interface Violation {
  readonly code: 'constraint_violation' | 'constraint_unknown'
  readonly constraint: string
  readonly isVisible: boolean
}

/** What became of constraints. Without a violation the rest is still to be done. */
export interface Outcome {
  readonly violation: Violation | undefined
  /** Constraints that the application has still to check. */
  readonly pending: readonly HostConstraintCall[]
  readonly budgets: readonly BudgetClaim[]
  readonly needsApproval: boolean
}

const HOLDS: Outcome = { violation: undefined, pending: [], budgets: [], needsApproval: false }

/** Checks every constraint of all scopes. What the application has not checked yet is taken to hold. */
export function checkScopes(scopes: readonly ConstrainedScope[], input: Omit<ConstraintInput, 'required'>): Outcome {
  let all = HOLDS
  for (const { required, groups } of scopes) {
    const { context, nowMs, argument, answers } = input
    for (const group of groups) {
      const outcome = checkGroup(group, { required, context, nowMs, argument, answers })
      if (outcome.violation !== undefined) return outcome
      all = join(all, outcome)
    }
  }
  return all
}

function join(one: Outcome, other: Outcome): Outcome {
  if (one === HOLDS || other === HOLDS) return one === HOLDS ? other : one
  return {
    violation: undefined,
    pending: [...one.pending, ...other.pending],
    budgets: [...one.budgets, ...other.budgets],
    needsApproval: one.needsApproval || other.needsApproval,
  }
}

/** The first set that holds decides for its group; one that needs no human comes before one that does. */
function checkGroup(group: ConstraintGroup, input: ConstraintInput): Outcome {
  let first: Outcome | undefined
  let approvable: Outcome | undefined
  for (const set of group.sets) {
    const outcome = checkSet(set, group, input)
    first ??= outcome
    if (outcome.violation !== undefined) continue
    if (!outcome.needsApproval) return outcome
    approvable ??= outcome
  }
  return approvable ?? first ?? HOLDS
}

function checkSet(set: ConstraintSet, group: ConstraintGroup, input: ConstraintInput): Outcome {
  let all = HOLDS
  for (const constraint of set.constraints) {
    const { name, limit, check } = constraint
    const result = check === undefined ? answerTo(constraint, input) : settle(check(input), group, input)
    if (result === 'violated' || result === 'unknown') return { ...HOLDS, violation: violationOf(name, result, group) }
    if (result === 'pending') all = { ...all, pending: [...all.pending, { name, limit, scope: input.required.text }] }
    else if (result === 'approval') all = { ...all, needsApproval: true }
    else if (result !== 'met') all = { ...all, budgets: [...all.budgets, ...claimsOf(result.budget, set, input)] }
  }
  return all
}

function answerTo({ name, limit }: Constraint, { answers, required }: ConstraintInput): 'met' | 'violated' | 'pending' {
  const answer = answers.find((each) => isAbout(each, name, limit, required.text))
  if (answer === undefined) return 'pending'
  return answer.holds ? 'met' : 'violated'
}

function isAbout(answer: HostAnswer, name: string, limit: unknown, scope: string): boolean {
  return answer.name === name && answer.limit === limit && answer.scope === scope
}

/** A constraint on a value that the route does not have: what only reads moves no money. */
function settle(
  result: ConstraintResult,
  { about }: ConstraintGroup,
  { context }: ConstraintInput,
): Exclude<ConstraintResult, 'undeclared' | 'not-used'> {
  if (result !== 'undeclared' && result !== 'not-used') return result
  if (about === 'action') return 'violated'
  return result === 'not-used' || (context !== undefined && isSafeMethod(context.method)) ? 'met' : 'violated'
}

function violationOf(constraint: string, result: 'violated' | 'unknown', { isVisible }: ConstraintGroup): Violation {
  const code = result === 'violated' ? 'constraint_violation' : 'constraint_unknown'
  return { code, constraint, isVisible }
}

function claimsOf(cost: BudgetCost, { countersFor }: ConstraintSet, { required }: ConstraintInput): BudgetClaim[] {
  return countersFor(required).map((counter) => ({ key: `${counter}:${cost.unit}:${cost.windowSeconds}`, ...cost }))
}
