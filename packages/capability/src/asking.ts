import type { CapabilityContext } from '@countermark/core'
import type { FindArgument } from './arguments/read-arguments.ts'
import type { CapabilityRules, HostConstraintInput } from './capability-rules.ts'
import type { Facing } from './constraints/constraint-check.ts'
import { type ConstraintGroup, gatherGroups } from './constraints/constraint-groups.ts'
import { type Answer, type Examination, examineGroups, type Question } from './constraints/examine-groups.ts'
import type { Holder } from './holdings.ts'
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
export function limitScopes(scopes: readonly WantedScope[], asking: Asking): readonly LimitedScope[] {
  const { agent, delegation, rules, context } = asking
  return scopes.map((wanted) => {
    const groups = gatherGroups({
      wanted,
      agentId: agent.id,
      delegation,
      recordConstraints: agent.record.constraints,
      block: rules.blocks.get(agent.id),
      ignoredDetailTypes: rules.ignoredDetailTypes,
      rename: rules.rename,
      origin: context?.origin,
      path: context?.path,
    })
    return { wanted, groups }
  })
}

/** Examines all limits of all scopes together. */
export function examineScopes(
  scopes: readonly LimitedScope[],
  asking: Asking,
  { argument, answers }: { readonly argument: FindArgument; readonly answers: readonly HostAnswer[] },
): ScopesExamination {
  const found = scopes.map(({ wanted, groups }) => {
    const given = answers.filter((answer) => answer.wanted === wanted.text)
    const facing = createFacing(wanted, asking, argument)
    const examination = examineGroups(groups, { facing, hostNames: asking.rules.hostNames, answers: given })
    return { ...examination, questions: examination.questions.map((each) => ({ ...each, wanted: wanted.text })) }
  })
  const breach = found.find((examination) => examination.breach !== undefined)?.breach
  return {
    breach,
    questions: found.flatMap(({ questions }) => questions),
    budgets: found.flatMap(({ budgets }) => budgets),
    needsApproval: found.some(({ needsApproval }) => needsApproval),
  }
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

function createFacing(wanted: WantedScope, asking: Asking, argument: FindArgument): Facing {
  const { rules, context, nowMs } = asking
  return {
    wanted,
    method: context?.method ?? '',
    get remoteAddress() {
      return context?.remoteAddress
    },
    origin: context?.origin,
    path: context?.path,
    nowMs,
    argument,
    rename: rules.rename,
    zoneClock: rules.zoneClock,
  }
}
