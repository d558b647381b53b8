import type { Environment } from '../environment.ts'
import { isThenable } from '../internal/then.ts'
import { METRICS } from '../metric-rows.ts'
import { isUnavailable, type Refusal, Unavailable } from '../refusal/refusal.ts'
import { statusOf } from '../refusal/response.ts'
import { isSafeMethod } from '../request.ts'
import type { Decision, Observer, Outcome } from '../seams/observer.ts'
import type { Mode } from './rollout.ts'
import { createAgentView, type Finish, type Run } from './state.ts'

/** What was decided, once it is recorded and told. */
export interface Told {
  /** Also where a decision that could not be recorded became a refusal. */
  readonly refusal: Refusal | undefined
  readonly finish: Finish | undefined
}

/** Records a decision and tells observers. Without a refusal the request passes. */
export function tellDecision(run: Run, check: string, refusal: Refusal | undefined, mode: Mode): Told | Promise<Told> {
  const outcome = refusal === undefined ? 'allow' : mode === 'observe' ? 'observe' : 'deny'
  return record(run, createDecision({ run, outcome, check, refusal, mode }))
}

/** Recorded first: observers are told once, and what they are told is what happens. */
function record(run: Run, decision: Decision): Told | Promise<Told> {
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
function unrecorded(run: Run, decision: Decision, cause: unknown): Told {
  const { context, state } = run
  context.environment.report(METRICS.measure('audit_failures_total', 1))
  if (decision.refusal !== undefined || (isSafeMethod(state.request.method) && !isUnavailable(cause))) {
    return conclude(run, decision, createFinish(decision, run, { recorded: false }))
  }
  const refusal = new Unavailable('audit_unavailable', 'audit', 'the decision could not be recorded', { cause })
  const outcome = decision.mode === 'observe' ? 'observe' : 'deny'
  const status = statusOf(refusal, context.settings)
  const replaced: Decision = Object.freeze({ ...decision, outcome, check: 'recorder', refusal, status })
  return conclude(run, replaced, createFinish(replaced, run, { recorded: false }))
}

function conclude(run: Run, decision: Decision, finish: Finish | undefined): Told {
  const { settings, environment } = run.context
  notify(settings.observers, environment, (observer) => observer.decided?.(decision))
  if (decision.refusal !== undefined && settings.onRefusal !== undefined) {
    notify([{ decided: settings.onRefusal }], environment, (observer) => observer.decided?.(decision))
  }
  return { refusal: decision.refusal, finish }
}

/** What a guard decided before observers were told. */
interface DecisionInput {
  readonly run: Run
  readonly outcome: Decision['outcome']
  readonly check: string
  readonly refusal: Refusal | undefined
  readonly mode: Mode
}

/** Puts a decision together for observers and recorder. Refused callers keep their name in it; it is frozen. */
function createDecision({ run, outcome, check, refusal, mode }: DecisionInput): Decision {
  const { state, facts, context, timings } = run
  return Object.freeze({
    requestId: state.requestId,
    atMs: context.settings.clock.wallMs(),
    outcome,
    check,
    refusal,
    status: refusal === undefined ? undefined : statusOf(refusal, context.settings),
    request: state.request,
    agent: createAgentView(facts, state.requestId, context.settings.view),
    facts,
    timings,
    credential: context.schemes.find(({ name }) => name === facts.agent?.scheme),
    mode,
    configuration: context.configuration,
    anonymous: state.anonymous && facts.agent === undefined,
  })
}

/** Tells observers; what they throw changes nothing: an observer's fault must not become the caller's. */
function notify(observers: readonly Observer[], environment: Environment, tell: (observer: Observer) => void): void {
  for (const observer of observers) {
    try {
      tell(observer)
    } catch {
      environment.report(METRICS.measure('observer_failures_total', 1))
    }
  }
}

/** What tells observers, and the recorder of what it recorded, how a request ended. `undefined` without listeners. */
function createFinish(decision: Decision, run: Run, about: { readonly recorded: boolean }): Finish | undefined {
  const { settings, environment } = run.context
  const { recorder, clock } = settings
  const listeners: Observer[] = settings.observers.filter(({ finished }) => finished !== undefined)
  if (about.recorded && recorder?.finish !== undefined) {
    listeners.push({ finished: (recorded, outcome) => recorder.finish?.(recorded, outcome) })
  }
  if (listeners.length === 0) return undefined
  return (status, aborted, unserved, bytes) => {
    const durationMs = clock.monotonicMs() - run.state.startedMs
    const told: Outcome = { requestId: decision.requestId, status, durationMs, aborted }
    const served: Outcome = bytes === undefined ? told : { ...told, bytes }
    const ended: Outcome = unserved === undefined ? served : { ...served, unserved: true }
    const outcome: Outcome = run.state.ended ? { ...ended, repeated: true } : ended
    run.state.ended = true
    notify(listeners, environment, (observer) => observer.finished?.(decision, outcome))
  }
}
