import type { CapabilityContext } from '@countermark/core/internal'
import type { FindArgument } from './arguments/read-arguments.ts'
import type { CapabilityRules, HostConstraintInput } from './capability-rules.ts'
import type { ConstraintGroup } from './constraints/constraint-groups.ts'
import { type Answer, type Examination, examineGroups, join, type Question } from './constraints/examine-groups.ts'
import type { Holder, Holdings } from './holdings.ts'
import type { WantedScope } from './scope-template.ts'

/** A decision to be made: who asks, from where, when. */
export interface Asking extends Holder {
  readonly rules: CapabilityRules
  readonly request: HostConstraintInput['request']
  /** `undefined` for a handler behind no check of capabilities: limits of place and method do not hold then. */
  readonly context: CapabilityContext | undefined
  readonly nowMs: number
}

/** A scope and the limits that are about it. */
export interface LimitedScope {
  readonly wanted: WantedScope
  readonly groups: readonly ConstraintGroup[]
}

/** A limit that the host judges, and for which scope. */
export interface HostQuestion extends Question {
  readonly wanted: string
}

/** What the host said of it. */
export interface HostAnswer extends Answer {
  readonly wanted: string
}

/** What became of all limits of all scopes. */
export interface ScopesExamination extends Examination {
  readonly questions: readonly HostQuestion[]
}

/** Finds the limits of scopes that are all wanted. */
export function limitScopes(scopes: readonly WantedScope[], { groupsFor }: Holdings): readonly LimitedScope[] {
  return scopes.map((wanted) => ({ wanted, groups: groupsFor(wanted) }))
}

/** Examines all limits of all scopes together. */
export function examineScopes(
  scopes: readonly LimitedScope[],
  asking: Asking,
  { argument, answers }: { readonly argument: FindArgument; readonly answers: readonly HostAnswer[] },
): ScopesExamination {
  const { context, nowMs } = asking
  const questions: HostQuestion[] = []
  let all: Examination | undefined
  for (const { wanted, groups } of scopes) {
    const given = answers.length === 0 ? answers : answers.filter((answer) => answer.wanted === wanted.text)
    const found = examineGroups(groups, { wanted, context, nowMs, argument }, given)
    if (found.breach !== undefined) return { ...found, questions: [] }
    for (const { name, limit } of found.questions) questions.push({ name, limit, wanted: wanted.text })
    all = all === undefined ? found : join(all, found)
  }
  const { budgets = [], needsApproval = false } = all ?? {}
  return { breach: undefined, questions, budgets, needsApproval }
}

/** Asks the application. */
export function askHost(question: HostQuestion, asking: Asking, argument: FindArgument): boolean | Promise<boolean> {
  const { agent, delegation, request, rules } = asking
  const { name, limit, wanted } = question
  const find = (named: string): unknown => {
    const found = argument(named)
    return found.state === 'present' ? found.value : undefined
  }
  return rules.hostConstraints.get(name)?.({ limit, wanted, agent, delegation, request, argument: find }) ?? false
}
