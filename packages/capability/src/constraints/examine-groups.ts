import type { BudgetClaim } from '../budgets/budget-store.ts'
import type { Limit } from './compile-limit.ts'
import type { BudgetDuty, Facing, Finding } from './constraint-check.ts'
import type { Alternative, ConstraintGroup } from './constraint-groups.ts'

/** A limit that the host judges. */
export interface Question {
  readonly name: string
  readonly limit: unknown
}

/** What the host said. */
export interface Answer extends Question {
  readonly holds: boolean
}

/** The limit that a request breaks. */
export interface Breach {
  readonly code: 'constraint_violation' | 'constraint_unknown'
  readonly constraint: string
  readonly isCallersOwn: boolean
}

/** What became of groups. Without a breach the rest is still to be done. */
export interface Examination {
  readonly breach: Breach | undefined
  readonly questions: readonly Question[]
  readonly budgets: readonly BudgetClaim[]
  readonly needsApproval: boolean
}

const NOTHING: Examination = { breach: undefined, questions: [], budgets: [], needsApproval: false }

/**
 * Examines every group; the first alternative that holds stands for its group. What the host was not asked yet is taken to
 * hold.
 */
export function examineGroups(
  groups: readonly ConstraintGroup[],
  facing: Facing,
  answers: readonly Answer[],
): Examination {
  let all = NOTHING
  for (const group of groups) {
    const judged = judgeGroup(group, facing, answers)
    if (judged.breach !== undefined) return judged
    if (judged !== NOTHING) all = all === NOTHING ? judged : join(all, judged)
  }
  return all
}

/** One after the other, without a breach. */
export function join(one: Examination, other: Examination): Examination {
  return {
    breach: undefined,
    questions: [...one.questions, ...other.questions],
    budgets: [...one.budgets, ...other.budgets],
    needsApproval: one.needsApproval || other.needsApproval,
  }
}

/** One that needs no human comes before one that does. */
function judgeGroup(group: ConstraintGroup, facing: Facing, answers: readonly Answer[]): Examination {
  let first: Examination | undefined
  let holding: Examination | undefined
  for (const alternative of group.alternatives) {
    const judged = judgeAlternative(alternative, group, facing, answers)
    first ??= judged
    if (judged.breach !== undefined) continue
    if (!judged.needsApproval) return judged
    holding ??= judged
  }
  return holding ?? first ?? NOTHING
}

function judgeAlternative(
  alternative: Alternative,
  group: ConstraintGroup,
  facing: Facing,
  answers: readonly Answer[],
): Examination {
  let judged = NOTHING
  for (const limit of alternative.limits) {
    const finding = limit.judge === undefined ? answerTo(limit, answers) : settle(limit.judge(facing), group, facing)
    if (finding === 'violated' || finding === 'unknown') return { ...NOTHING, breach: breachOf(limit, finding, group) }
    if (finding === 'asked') judged = { ...judged, questions: [...judged.questions, limit] }
    else if (finding === 'approval') judged = { ...judged, needsApproval: true }
    else if (finding !== 'met')
      judged = { ...judged, budgets: [...judged.budgets, ...toClaims(finding.budget, alternative, facing)] }
  }
  return judged
}

function answerTo({ name, limit }: Limit, answers: readonly Answer[]): 'met' | 'violated' | 'asked' {
  const answer = answers.find((each) => each.name === name && each.limit === limit)
  if (answer === undefined) return 'asked'
  return answer.holds ? 'met' : 'violated'
}

/** A limit on a value that the route does not have. */
function settle(
  finding: Finding,
  { about }: ConstraintGroup,
  { context }: Facing,
): Exclude<Finding, 'undeclared' | 'not-used'> {
  if (finding !== 'undeclared' && finding !== 'not-used') return finding
  if (about === 'action') return 'violated'
  return finding === 'not-used' || SAFE_METHODS.has(context?.method ?? '') ? 'met' : 'violated'
}

/** RFC 9110 section 9.2.1: what only reads moves no money. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

function breachOf({ name }: Limit, finding: 'violated' | 'unknown', { isCallersOwn }: ConstraintGroup): Breach {
  const code = finding === 'violated' ? 'constraint_violation' : 'constraint_unknown'
  return { code, constraint: name, isCallersOwn }
}

function toClaims(
  { windowSeconds, limit, cost, unit }: BudgetDuty,
  { countersFor }: Alternative,
  { wanted }: Facing,
): readonly BudgetClaim[] {
  return countersFor(wanted).map((counter) => ({
    key: `${counter}:${unit}:${windowSeconds}`,
    windowSeconds,
    limit,
    cost,
    unit,
  }))
}
