import { Refusal } from '@countermark/core'
import { isThenable } from '@countermark/core/internal'
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
  return chooseFrom({ alternatives, asking, argument }, 0, undefined)
}

interface Choice {
  readonly alternatives: readonly (readonly LimitedScope[])[]
  readonly asking: Asking
  readonly argument: FindArgument
}

/** Goes on from one alternative; `first` is the breach of the first one that failed. */
function chooseFrom(choice: Choice, from: number, first: Breach | undefined): Chosen | Promise<Chosen> {
  const { alternatives, asking, argument } = choice
  let breach = first
  for (let index = from; index < alternatives.length; index++) {
    const scopes = alternatives[index] ?? []
    const examination = examineScopes(scopes, asking, { argument, answers: NO_ANSWERS })
    if (examination.breach === undefined) {
      if (examination.questions.length === 0) return { scopes, examination }
      return askHostFirst(choice, index, { examination, answers: NO_ANSWERS, first: breach })
    }
    breach ??= examination.breach
  }
  throw refusalFor(breach)
}

interface Asked {
  readonly examination: ScopesExamination
  readonly answers: readonly HostAnswer[]
  readonly first: Breach | undefined
}

/** Asks about limits that the host judges, and about those that only its answers bring up. */
function askHostFirst(choice: Choice, index: number, { examination, answers, first }: Asked): Chosen | Promise<Chosen> {
  const { alternatives, asking, argument } = choice
  const scopes = alternatives[index] ?? []
  const settle = (more: readonly HostAnswer[]): Chosen | Promise<Chosen> => {
    const all = answers.concat(more)
    const next = examineScopes(scopes, asking, { argument, answers: all })
    if (next.breach !== undefined) return chooseFrom(choice, index + 1, first ?? next.breach)
    if (next.questions.length === 0) return { scopes, examination: next }
    return askHostFirst(choice, index, { examination: next, answers: all, first })
  }
  const more = askAll(examination.questions, asking, argument)
  return isThenable(more) ? more.then(settle) : settle(more)
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
