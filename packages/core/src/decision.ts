import { createAgentView } from './agent-view.ts'
import type { Environment } from './environment.ts'
import type { Run } from './guard-run.ts'
import type { Decision, Observer, Outcome } from './observer.ts'
import type { Refusal } from './refusal.ts'
import { statusOf } from './reply.ts'
import type { Finish } from './verdict.ts'

/** What a guard decided before anybody was told. */
export interface DecisionInput {
  readonly run: Run
  readonly outcome: Decision['outcome']
  readonly check: string
  readonly refusal: Refusal | undefined
}

/** Puts a decision together for observers and recorder. Refused callers keep their name in it; nobody can rewrite it. */
export function createDecision({ run, outcome, check, refusal }: DecisionInput): Decision {
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
    mode: context.route.mode,
    configuration: context.configuration,
    anonymous: state.anonymous && facts.agent === undefined,
  })
}

/** Tells observers; what they throw changes nothing: an observer's fault must not become the caller's. */
export function notify(
  observers: readonly Observer[],
  environment: Environment,
  tell: (observer: Observer) => void,
): void {
  for (const observer of observers) {
    try {
      tell(observer)
    } catch {
      environment.report({ name: 'observer_failures_total', kind: 'counter', value: 1 })
    }
  }
}

/** What tells observers, and the recorder of what it recorded, how a request ended. `undefined` when nobody listens. */
export function createFinish(decision: Decision, run: Run, about: { readonly recorded: boolean }): Finish | undefined {
  const { settings, environment } = run.context
  const { recorder, clock } = settings
  const listeners: Observer[] = settings.observers.filter(({ finished }) => finished !== undefined)
  if (about.recorded && recorder?.finish !== undefined) {
    listeners.push({ finished: (recorded, outcome) => recorder.finish?.(recorded, outcome) })
  }
  if (listeners.length === 0) return undefined
  return (status, aborted, unserved) => {
    const durationMs = clock.monotonicMs() - run.state.startedMs
    const served: Outcome = { requestId: decision.requestId, status, durationMs, aborted }
    const ended: Outcome = unserved === undefined ? served : { ...served, unserved: true }
    const outcome: Outcome = run.state.ended ? { ...ended, repeated: true } : ended
    run.state.ended = true
    notify(listeners, environment, (observer) => observer.finished?.(decision, outcome))
  }
}
