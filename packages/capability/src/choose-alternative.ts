import { isThenable, Refusal } from '@countermark/core'
import type { FindArgument } from './arguments/read-arguments.ts'
import {
  type Asking,
  askHost,
  examineScopes,
  type HostAnswer,
  type HostQuestion,
  type LimitedScope,
  type ScopesExamination,
} from './asking.ts'
import type { Breach } from './constraints/examine-groups.ts'

/** Scopes of which every limit holds, and what is still to be done for them. */
export interface Chosen {
  readonly scopes: readonly LimitedScope[]
  readonly examination: ScopesExamination
}

const NO_ANSWERS: readonly HostAnswer[] = []

/**
 * Takes the first alternative whose limits hold. The host is asked last, and only about what depends on it.
 * @throws {@link Refusal} `constraint_violation`, `constraint_unknown`: the breach of the first alternative
 */
export function chooseAlternative(
  alternatives: readonly (readonly LimitedScope[])[],
  asking: Asking,
  argument: FindArgument,
): Chosen | Promise<Chosen> {
  const [only] = alternatives
  if (alternatives.length === 1 && only !== undefined) {
    const examination = examineScopes(only, asking, { argument, answers: NO_ANSWERS })
    if (examination.breach === undefined && examination.questions.length === 0) return { scopes: only, examination }
  }
  let first: Breach | undefined
  const tryFrom = (index: number): Chosen | Promise<Chosen> => {
    const scopes = alternatives[index]
    if (scopes === undefined) throw refusalFor(first)
    const settle = (answers: readonly HostAnswer[]): Chosen | Promise<Chosen> => {
      const examination = examineScopes(scopes, asking, { argument, answers })
      if (examination.breach !== undefined) {
        first ??= examination.breach
        return tryFrom(index + 1)
      }
      if (examination.questions.length === 0) return { scopes, examination }
      const more = askAll(examination.questions, asking, argument)
      if (isThenable(more)) return more.then((all) => settle(answers.concat(all)))
      return settle(answers.concat(more))
    }
    return settle([])
  }
  return tryFrom(0)
}

function askAll(
  questions: readonly HostQuestion[],
  asking: Asking,
  argument: FindArgument,
): readonly HostAnswer[] | Promise<readonly HostAnswer[]> {
  const replies = questions.map((question) => askHost(question, asking, argument))
  const answer = (said: readonly unknown[]): readonly HostAnswer[] =>
    questions.map((question, index) => ({ ...question, holds: said[index] === true }))
  return replies.some(isThenable) ? Promise.all(replies).then(answer) : answer(replies)
}

/** The name of a limit is told to the caller only where it stands in the caller's own token. */
function refusalFor(breach: Breach | undefined): Refusal {
  const { code, constraint, isCallersOwn } = breach ?? FALLBACK
  const diagnosis = { constraint }
  const members = isCallersOwn ? { constraint } : {}
  const subject = isCallersOwn ? `the limit ${constraint}` : 'a limit'
  const message = code === 'constraint_unknown' ? 'is not understood here' : 'does not allow this request'
  return new Refusal(code, `${subject} of what was granted ${message}`, { members, diagnosis, hints: { constraint } })
}

const FALLBACK: Breach = { code: 'constraint_unknown', constraint: '', isCallersOwn: false }
