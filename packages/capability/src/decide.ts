import { Refusal } from '@countermark/core'
import { type CapabilityContext, isThenable, then } from '@countermark/core/internal'
import type { FindArgument } from './arguments/read-arguments.ts'
import type { CapabilityRules, HostConstraintInput } from './capability-rules.ts'
import { checkScopes, type Outcome, type Violation } from './constraints/check-groups.ts'
import type { HostAnswer, HostConstraintCall } from './constraints/constraint.ts'
import type { Alternative, Grantee } from './grants.ts'

/** A decision to be made: for whom, about what, when. */
export interface Decision extends Grantee {
  readonly rules: CapabilityRules
  readonly request: HostConstraintInput['request']
  /** `undefined` for a handler behind no check of capabilities: constraints of place and method do not hold then. */
  readonly context: CapabilityContext | undefined
  readonly nowMs: number
  readonly argument: FindArgument
}

/** The alternative whose constraints hold, and what is still to be done for it. */
export interface Decided {
  readonly alternative: Alternative
  readonly outcome: Outcome
}

interface Attempt {
  readonly alternatives: readonly Alternative[]
  readonly decision: Decision
  /** The alternative that comes next, and what the application has said of it. */
  readonly index: number
  readonly answers: readonly HostAnswer[]
  /** That of the first alternative that failed. */
  readonly violation: Violation | undefined
}

const NO_ANSWERS: readonly HostAnswer[] = []

/**
 * Takes the first alternative whose constraints hold. The application is asked last, and only about what depends on it.
 * @throws {@link Refusal} `constraint_violation`, `constraint_unknown`: that of the first alternative
 */
export function decide(alternatives: readonly Alternative[], decision: Decision): Decided | Promise<Decided> {
  return decideFrom({ alternatives, decision, index: 0, answers: NO_ANSWERS, violation: undefined })
}

function decideFrom(attempt: Attempt): Decided | Promise<Decided> {
  const { alternatives, decision } = attempt
  const { context, nowMs, argument } = decision
  let { answers, violation } = attempt
  for (let { index } = attempt; index < alternatives.length; index++) {
    const alternative = alternatives[index]
    if (alternative === undefined) break
    const outcome = checkScopes(alternative.scopes, { context, nowMs, argument, answers })
    if (outcome.violation === undefined) {
      if (outcome.pending.length === 0) return { alternative, outcome }
      const known = answers
      const next = { alternatives, decision, index, violation }
      // An answer may bring up a set of constraints that the application has not been asked about.
      return then(askApplication(outcome.pending, decision), (more) =>
        decideFrom({ ...next, answers: [...known, ...more] }),
      )
    }
    violation ??= outcome.violation
    answers = NO_ANSWERS
  }
  throw refusalFor(violation)
}

function askApplication(
  calls: readonly HostConstraintCall[],
  { rules, agent, delegation, request, argument }: Decision,
): readonly HostAnswer[] | Promise<readonly HostAnswer[]> {
  const find = (name: string): unknown => {
    const found = argument(name)
    return found.state === 'present' ? found.value : undefined
  }
  const replies = calls.map(({ name, limit, scope }) =>
    rules.hostConstraints.get(name)?.({ limit, scope, agent, delegation, request, argument: find }),
  )
  const answer = (given: readonly unknown[]): readonly HostAnswer[] =>
    calls.map((call, index) => ({ ...call, holds: given[index] === true }))
  return replies.some(isThenable) ? Promise.all(replies).then(answer) : answer(replies)
}

/** The caller is told the name of a constraint only when its own token has it. */
function refusalFor(violation: Violation | undefined): Refusal {
  const { code, constraint, isVisible } = violation ?? FALLBACK
  const members = isVisible ? { constraint } : {}
  const subject = isVisible ? `the constraint ${constraint}` : 'a constraint'
  const message = code === 'constraint_unknown' ? 'is not understood here' : 'does not allow this request'
  const details = { members, diagnosis: { constraint }, hints: { constraint } }
  return new Refusal(code, `${subject} of what was granted ${message}`, details)
}

const FALLBACK: Violation = { code: 'constraint_unknown', constraint: '', isVisible: false }
