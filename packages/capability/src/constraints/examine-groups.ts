import { createHash } from 'node:crypto'
import type { BudgetClaim } from '../budgets/budget-store.ts'
import type { BudgetDuty, Facing, Finding } from './constraint-check.ts'
import type { Alternative, ConstraintGroup, Limit } from './constraint-groups.ts'
import { findConstraint } from './constraint-table.ts'

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

/** What became of all groups. Without a breach the rest is still to be done. */
export interface Examination {
  readonly breach: Breach | undefined
  readonly questions: readonly Question[]
  readonly budgets: readonly BudgetClaim[]
  readonly needsApproval: boolean
}

/** What groups are examined with. */
export interface ExamineInput {
  readonly facing: Facing
  /** Names of limits that the host judges. */
  readonly hostNames: ReadonlySet<string>
  /** What the host has said so far; what it was not asked yet is taken to hold. */
  readonly answers: readonly Answer[]
}

/** Examines every group; the first alternative that holds stands for its group. */
export function examineGroups(groups: readonly ConstraintGroup[], input: ExamineInput): Examination {
  const chosen: Judged[] = []
  for (const group of groups) {
    const judged = judgeGroup(group, input)
    if (judged.breach !== undefined) return { ...NOTHING, breach: judged.breach }
    chosen.push(judged)
  }
  return {
    breach: undefined,
    questions: chosen.flatMap(({ questions }) => questions),
    budgets: chosen.flatMap(({ budgets }) => budgets),
    needsApproval: chosen.some(({ needsApproval }) => needsApproval),
  }
}

type Judged = Examination

const NOTHING: Examination = { breach: undefined, questions: [], budgets: [], needsApproval: false }

/** One that needs no human comes before one that does. */
function judgeGroup(group: ConstraintGroup, input: ExamineInput): Judged {
  const judged = group.alternatives.map((alternative) => judgeAlternative(alternative, group, input))
  const holding = judged.filter(({ breach }) => breach === undefined)
  return holding.find(({ needsApproval }) => !needsApproval) ?? holding[0] ?? judged[0] ?? NOTHING
}

function judgeAlternative(alternative: Alternative, group: ConstraintGroup, input: ExamineInput): Judged {
  const questions: Question[] = []
  const budgets: BudgetClaim[] = []
  let needsApproval = false
  for (const limit of alternative.limits) {
    const finding = judgeLimit(limit, group, input, questions)
    if (finding === 'violated' || finding === 'unknown') return { ...NOTHING, breach: breachOf(limit, finding, group) }
    if (finding === 'approval') needsApproval = true
    else if (typeof finding === 'object') budgets.push(toClaim(finding.budget, alternative))
  }
  return { breach: undefined, questions, budgets, needsApproval }
}

/** `undeclared` and `not-used` are settled here; the rest is left. */
function judgeLimit(
  [name, limit]: Limit,
  group: ConstraintGroup,
  { facing, hostNames, answers }: ExamineInput,
  questions: Question[],
): Exclude<Finding, 'undeclared' | 'not-used'> {
  if (hostNames.has(name)) {
    const answer = answers.find((each) => each.name === name && each.limit === limit)
    if (answer === undefined) questions.push({ name, limit })
    return answer?.holds === false ? 'violated' : 'met'
  }
  const finding = findConstraint(name)?.(limit, facing) ?? 'unknown'
  if (finding !== 'undeclared' && finding !== 'not-used') return finding
  if (group.about === 'action') return 'violated'
  return finding === 'not-used' || SAFE_METHODS.has(facing.method) ? 'met' : 'violated'
}

/** RFC 9110 section 9.2.1: what only reads moves no money. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

function breachOf([constraint]: Limit, finding: 'violated' | 'unknown', { isCallersOwn }: ConstraintGroup): Breach {
  return { code: finding === 'violated' ? 'constraint_violation' : 'constraint_unknown', constraint, isCallersOwn }
}

function toClaim({ windowSeconds, limit, cost, unit }: BudgetDuty, { budgetOwner }: Alternative): BudgetClaim {
  const owner = createHash('sha256').update(budgetOwner()).digest('base64url')
  return { key: `${owner}:${unit}:${windowSeconds}`, windowSeconds, limit, cost, unit }
}
