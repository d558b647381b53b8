import { isThenable, withDeadline } from '@countermark/core/internal'
import { readDecision } from '../answer/read-decision.ts'
import type { PolicyDecision, PolicyEngine, PolicyFunction, PolicyObligation } from '../engines/engine.ts'
import type { PolicyInput } from '../input/policy-input.ts'
import { requireEngine } from '../policy-options.ts'
import type { JudgeDecisions, Judged } from './plan-decisions.ts'
import type { RecordedDecision } from './recorded-decision.ts'

const DEADLINE_MS = 10_000
/** The check whose word a new policy replaces. */
const CHECK = 'consultPolicy'

/**
 * Judges recorded decisions by another policy: the questions that the trail kept are asked again. A request that another check
 * refused stays refused: it never reached the policy, or was refused behind it.
 * @throws Misconfigured `ERR_OPTION_INVALID` for what is no engine
 * @example
 * await planDecisions(lines, judgeByPolicy(cedar({ policies: proposed, schema })))
 */
export function judgeByPolicy(given: PolicyEngine | PolicyFunction): JudgeDecisions {
  const engine = requireEngine(given)
  return async (decisions) => {
    // Several guards decide about one request; the policy was asked by one of them.
    const reached = new Set(decisions.filter(({ wasAsked }) => wasAsked).map(({ requestId }) => requestId))
    const isTouched = ({ wasAllowed, wasAsked, check, requestId }: RecordedDecision): boolean =>
      check === CHECK || (wasAllowed && (wasAsked || !reached.has(requestId)))
    const asked = decisions.filter(isTouched)
    const questions = asked.map(({ question }) => question).filter((question) => typeof question === 'object')
    const answers = await askAll(engine, questions)
    let next = 0
    return decisions.map((decision): Judged => {
      if (!isTouched(decision)) return 'unchanged'
      const { question } = decision
      if (typeof question !== 'object') return { cannotTell: question }
      const answer = answers[next++]
      if (answer === undefined) return { cannotTell: 'undecided' }
      return holds(answer, question, decision) ? 'allowed' : 'refused'
    })
  }
}

async function askAll(
  engine: PolicyEngine,
  questions: readonly PolicyInput[],
): Promise<readonly (PolicyDecision | undefined)[]> {
  await engine.ready?.()
  const call = { signal: new AbortController().signal }
  if (engine.decideAll !== undefined) return (await engine.decideAll(questions, call)).map(tryRead)
  const answers: (PolicyDecision | undefined)[] = []
  for (const question of questions) answers.push(await tryAsk(engine, question))
  return answers
}

async function tryAsk(engine: PolicyEngine, question: PolicyInput): Promise<PolicyDecision | undefined> {
  const ending = new AbortController()
  try {
    const answer: unknown = engine.decide(question, { signal: ending.signal })
    return tryRead(isThenable(answer) ? await withDeadline(answer, DEADLINE_MS) : answer)
  } catch {
    // Counted as `undecided`: a plan that stops at one question says nothing of the others.
    return undefined
  } finally {
    ending.abort()
  }
}

function tryRead(answer: unknown): PolicyDecision | undefined {
  try {
    return readDecision(answer)
  } catch {
    // No readable answer, as above.
    return undefined
  }
}

function holds(
  { allow, obligations = [] }: PolicyDecision,
  question: PolicyInput,
  { isApproved }: RecordedDecision,
): boolean {
  return allow && obligations.every((obligation) => isMet(obligation, question, isApproved))
}

const SAFE = ['GET', 'HEAD', 'OPTIONS']

function isMet(obligation: PolicyObligation, { context }: PolicyInput, isApproved: boolean): boolean {
  if (obligation.type === 'approval') return isApproved || context['approved'] === true
  if (obligation.type === 'read_only') return SAFE.includes(String(context['method']))
  if ('retry_after_seconds' in obligation) return false
  const value: unknown = Object(context['arguments'])[obligation.argument]
  return typeof value === 'number' && value <= obligation.max
}
