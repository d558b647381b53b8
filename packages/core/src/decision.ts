import type { HeaderField } from './check.ts'
import type { Environment } from './environment.ts'
import type { Decision, Observer, Outcome } from './observer.ts'
import type { Refusal } from './refusal.ts'
import { type Reply, replyTo, statusOf } from './reply.ts'
import { createAgentView } from './request-state.ts'
import type { Finish, Run } from './verdict.ts'

/** What a guard decided before anybody was told. */
export interface DecisionInput {
  readonly run: Run
  readonly outcome: Decision['outcome']
  readonly check: string
  readonly refusal: Refusal | undefined
}

/** Puts a decision together for observers and recorder. Refused callers keep their name in it. */
export function createDecision({ run, outcome, check, refusal }: DecisionInput): Decision {
  const { state, facts, context, timings } = run
  return {
    requestId: state.requestId(),
    atMs: context.settings.clock.wallMs(),
    outcome,
    check,
    refusal,
    status: refusal === undefined ? undefined : statusOf(refusal.code, context.settings),
    request: state.request,
    agent: createAgentView(facts, state.requestId),
    facts,
    timings,
    anonymous: state.anonymous,
  }
}

/** The answer to a refusal, with the challenges of all checks of the guard. */
export function writeReply(refusal: Refusal, run: Run): Reply {
  const { state, context } = run
  const { request } = state
  const reply = {
    requestId: state.requestId(),
    realm: request.authority,
    cors: request.headers.has('origin'),
    challenges: collectChallenges(refusal, run),
  }
  return replyTo(refusal, reply, context.settings)
}

function collectChallenges(refusal: Refusal, run: Run): readonly HeaderField[] {
  const { descriptions, environment } = run.context
  const context = {
    refusal,
    request: run.state.request,
    environment,
    get nonce() {
      return descriptions.find((description) => description.issueNonce !== undefined)?.issueNonce?.(environment)
    },
  }
  return descriptions.flatMap((description) => description.challenge?.(context) ?? [])
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

/** Tells observers and recorder what became of a request. */
export function createFinish(decision: Decision, run: Run): Finish {
  const { settings, environment } = run.context
  return (status, aborted) => {
    const durationMs = settings.clock.monotonicMs() - run.state.startedMs
    const outcome: Outcome = { requestId: decision.requestId, status, durationMs, aborted }
    const listeners = settings.recorder === undefined ? [] : [{ finished: settings.recorder.finish }]
    notify(
      [...settings.observers, ...listeners.flatMap(({ finished }) => (finished ? [{ finished }] : []))],
      environment,
      (observer) => observer.finished?.(decision, outcome),
    )
  }
}
