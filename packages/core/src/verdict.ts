import { createDecision, createFinish, notify, writeReply } from './decision.ts'
import type { Environment } from './environment.ts'
import type { AgentView, Facts, Level } from './facts.ts'
import type { GuardSettings } from './guard-options.ts'
import type { orderChecks } from './guard-order.ts'
import type { CheckTiming, Decision } from './observer.ts'
import { isRefusal, Refusal, Unavailable } from './refusal.ts'
import { type Reply, statusOf } from './reply.ts'
import { createAgentView, type RequestState } from './request-state.ts'

/** What the adapter has to do. */
export type Verdict =
  | {
      readonly outcome: 'allow'
      readonly agent: AgentView | undefined
      readonly finish: Finish | undefined
      /** What a guard that only observes let pass. */
      readonly observed: Refusal | undefined
    }
  | { readonly outcome: 'deny'; readonly refusal: Refusal; readonly reply: Reply; readonly finish: Finish | undefined }

/** Tells observers how the request ended. `undefined` when nobody listens. */
export type Finish = (status: number, aborted: boolean) => void

/** One composed guard. */
export interface GuardContext extends ReturnType<typeof orderChecks> {
  readonly settings: GuardSettings
  readonly environment: Environment
  readonly route: {
    readonly optional: boolean
    readonly mode: 'enforce' | 'observe'
    readonly minimumLevel: Level | undefined
  }
}

/** One request on its way through one guard. Its facts stand only once the guard lets it pass. */
export interface Run {
  readonly context: GuardContext
  readonly state: RequestState
  readonly facts: Partial<Facts>
  readonly timings: CheckTiming[]
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a method only reads (RFC 9110 section 9.2.1). TRACE does too, but no application needs it unsigned. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method)
}

/** Decides, records and answers. An error that is no refusal is ours: the request is refused and the cause kept. */
export function settle(run: Run, check: string, error?: unknown): Verdict | Promise<Verdict> {
  const refusal = error === undefined ? undefined : toRefusal(error)
  const { context, state } = run
  if (refusal?.code === 'credentials_missing' && context.route.optional) {
    state.anonymous = true
    // What the checks before learned of this request does not stand: not all of them ran.
    return settle({ ...run, facts: { ...state.facts } }, check)
  }
  const { settings } = context
  if (settings.observers.length === 0 && settings.recorder === undefined && settings.onRefusal === undefined) {
    return toVerdict(run, refusal, undefined)
  }
  const outcome = refusal === undefined ? 'allow' : context.route.mode === 'observe' ? 'observe' : 'deny'
  return record(run, refusal, createDecision({ run, outcome, check, refusal }))
}

/** Recorded first: observers are told once, and what they are told is what happens. */
function record(run: Run, refusal: Refusal | undefined, decision: Decision): Verdict | Promise<Verdict> {
  let pending: void | Promise<void>
  try {
    pending = run.context.settings.recorder?.record(decision)
  } catch (error) {
    return unrecorded(run, decision, error)
  }
  if (!isThenable(pending)) return conclude(run, refusal, decision)
  return pending.then(
    () => conclude(run, refusal, decision),
    (error: unknown) => unrecorded(run, decision, error),
  )
}

/** No record, no unsafe answer (R72). */
function unrecorded(run: Run, decision: Decision, cause: unknown): Verdict {
  const { context, state } = run
  context.environment.report({ name: 'audit_failures_total', kind: 'counter', value: 1 })
  if (decision.refusal !== undefined || isSafeMethod(state.request.method)) {
    return conclude(run, decision.refusal, decision)
  }
  const refusal = new Unavailable('audit_unavailable', 'audit', 'the decision could not be recorded', { cause })
  const outcome = context.route.mode === 'observe' ? 'observe' : 'deny'
  const status = statusOf(refusal.code, context.settings)
  return conclude(run, refusal, { ...decision, outcome, check: 'recorder', refusal, status })
}

function conclude(run: Run, refusal: Refusal | undefined, decision: Decision): Verdict {
  const { settings, environment } = run.context
  notify(settings.observers, environment, (observer) => observer.decided?.(decision))
  if (refusal !== undefined && settings.onRefusal !== undefined) {
    notify([{ decided: settings.onRefusal }], environment, (observer) => observer.decided?.(decision))
  }
  return toVerdict(run, refusal, decision)
}

function toVerdict(run: Run, refusal: Refusal | undefined, decision: Decision | undefined): Verdict {
  const { context, state, facts } = run
  if (refusal === undefined) {
    state.facts = facts
    if (context.ordered.length > 0) state.view = createAgentView(facts, state.requestId)
  } else if (context.route.mode === 'enforce') {
    return deny(run, refusal, decision)
  } else if (state.facts.agent === undefined) {
    // Observed refusals leave no facts behind: what would not have stood must not be acted upon.
    state.anonymous = true
  }
  return { outcome: 'allow', agent: state.view, finish: finishOf(run, decision), observed: refusal }
}

function deny(run: Run, refusal: Refusal, decision: Decision | undefined): Verdict {
  return { outcome: 'deny', refusal, reply: writeReply(refusal, run), finish: finishOf(run, decision) }
}

function finishOf(run: Run, decision: Decision | undefined): Finish | undefined {
  const { settings } = run.context
  const listens =
    settings.recorder?.finish !== undefined || settings.observers.some(({ finished }) => finished !== undefined)
  return decision !== undefined && listens ? createFinish(decision, run) : undefined
}

function toRefusal(error: unknown): Refusal {
  if (isRefusal(error)) return error
  return new Refusal('config_error', 'a check failed in a way it should not', { cause: error })
}

/** Whether something must be awaited. Awaiting what need not be costs every request a turn. */
export function isThenable<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
