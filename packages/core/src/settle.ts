import { createAgentView } from './agent-view.ts'
import { createDecision, createFinish, notify } from './decision.ts'
import type { Run } from './guard-run.ts'
import { isThenable } from './internal/then.ts'
import type { Decision } from './observer.ts'
import { isUnavailable, type Refusal, Unavailable } from './refusal.ts'
import { statusOf } from './reply.ts'
import { isSafeMethod } from './safe-method.ts'
import type { Finish, Verdict } from './verdict.ts'
import { writeReply } from './write-reply.ts'

/** Decides, records, tells and answers, in this order. Without a refusal the request passes. */
export function settle(run: Run, check: string, refusal: Refusal | undefined): Verdict | Promise<Verdict> {
  const { context, facts } = run
  if (refusal !== undefined) chargeSource(run, refusal)
  Object.freeze(facts)
  if (!context.listens) return toVerdict(run, refusal, undefined)
  const outcome = refusal === undefined ? 'allow' : context.route.mode === 'observe' ? 'observe' : 'deny'
  return record(run, createDecision({ run, outcome, check, refusal }))
}

/** Counts what proved nothing against its network. A copy of a proven request costs as much and proves nothing new. */
function chargeSource({ context, state, facts }: Run, refusal: Refusal): void {
  if (context.sources === undefined || refusal.code === 'rate_limited') return
  if (facts.agent !== undefined && refusal.code !== 'replay_detected') return
  // What a dependency or the operator got wrong is not the caller's doing.
  if (statusOf(refusal, context.settings) >= 500) return
  context.sources.charge(state.request.remoteAddress, context.settings.clock.monotonicMs())
}

/** Recorded first: observers are told once, and what they are told is what happens. */
function record(run: Run, decision: Decision): Verdict | Promise<Verdict> {
  let pending: void | Promise<void>
  try {
    pending = run.context.settings.recorder?.record(decision)
  } catch (error) {
    return unrecorded(run, decision, error)
  }
  if (!isThenable(pending)) return conclude(run, decision, createFinish(decision, run, { recorded: true }))
  return Promise.resolve(pending).then(
    () => conclude(run, decision, createFinish(decision, run, { recorded: true })),
    (error: unknown) => unrecorded(run, decision, error),
  )
}

/** No record, no unsafe answer. */
function unrecorded(run: Run, decision: Decision, cause: unknown): Verdict {
  const { context, state } = run
  context.environment.report({ name: 'audit_failures_total', kind: 'counter', value: 1 })
  if (decision.refusal !== undefined || (isSafeMethod(state.request.method) && !isUnavailable(cause))) {
    return conclude(run, decision, createFinish(decision, run, { recorded: false }))
  }
  const refusal = new Unavailable('audit_unavailable', 'audit', 'the decision could not be recorded', { cause })
  const outcome = context.route.mode === 'observe' ? 'observe' : 'deny'
  const status = statusOf(refusal, context.settings)
  const replaced: Decision = Object.freeze({ ...decision, outcome, check: 'recorder', refusal, status })
  return conclude(run, replaced, createFinish(replaced, run, { recorded: false }))
}

function conclude(run: Run, decision: Decision, finish: Finish | undefined): Verdict {
  const { settings, environment } = run.context
  notify(settings.observers, environment, (observer) => observer.decided?.(decision))
  if (decision.refusal !== undefined && settings.onRefusal !== undefined) {
    notify([{ decided: settings.onRefusal }], environment, (observer) => observer.decided?.(decision))
  }
  return toVerdict(run, decision.refusal, finish)
}

function toVerdict(run: Run, refusal: Refusal | undefined, finish: Finish | undefined): Verdict {
  const { context, state, facts } = run
  if (refusal === undefined) {
    state.facts = facts
    if (context.ordered.length > 0) state.view = createAgentView(facts, state.requestId, context.settings.view)
  } else if (context.route.mode === 'enforce') {
    return { outcome: 'deny', refusal, reply: writeReply(refusal, run), finish }
  } else if (state.facts.agent === undefined) {
    // Observed refusals leave no facts behind: what would not have stood must not be acted upon.
    state.anonymous = true
    state.passed = [...state.passed, ...context.descriptions]
  }
  return { outcome: 'allow', agent: state.view, finish, observed: refusal }
}
