import { randomUUID } from 'node:crypto'
import { bareCopy } from '../internal/closed-object.ts'
import { isThenable, then } from '../internal/then.ts'
import { METRICS } from '../metric-rows.ts'
import { rowOf } from '../refusal/codes.ts'
import { isRefusal, Refusal } from '../refusal/refusal.ts'
import { replyTo, statusOf } from '../refusal/response.ts'
import { findUncoveredOverride, isSafeMethod } from '../request.ts'
import { isLeftOpen } from './admission.ts'
import { announceIn, NO_FIELDS, writeReply } from './answer.ts'
import { tellDecision } from './decision.ts'
import type { OrderedCheck } from './order.ts'
import { isOfCopy, type Mode, shareOf } from './rollout.ts'
import type { SourceLimiter } from './source-limit.ts'
import {
  createAgentView,
  createRequestState,
  type Finish,
  type Guard,
  type GuardContext,
  type RequestStates,
  type Run,
  type Verdict,
} from './state.ts'

const NO_TIMINGS: Run['timings'] = []

/** Makes the guard of a context: what one guard of a factory finds out about a request, the next one knows. */
export function guardOf(context: GuardContext, states: RequestStates): Guard {
  const { listens, settings } = context
  const lastResort = (error: unknown): Verdict => failedVerdict(context, error)
  return function guard(request) {
    try {
      let state = states.find(request.raw)
      if (state === undefined) {
        state = createRequestState(request, listens ? settings.clock.monotonicMs() : 0)
        states.attach(request.raw, state)
      }
      const facts = bareCopy(state.facts)
      const verdict = runGuard({ context, state, facts, timings: listens ? [] : NO_TIMINGS })
      return isThenable(verdict) ? verdict.then(undefined, lastResort) : verdict
    } catch (error) {
      return lastResort(error)
    }
  }
}

function runGuard(run: Run): Verdict | Promise<Verdict> {
  const { state, context } = run
  try {
    if (isLeftOpen(run)) {
      state.anonymous = true
      return settle(run, 'open', undefined)
    }
  } catch (error) {
    return refuse(run, 'request', error)
  }
  if (!state.admitted && context.sources !== undefined && context.sources.exhausted.size > 0) {
    const refusal = findOverLimit(run, context.sources)
    if (refusal !== undefined) return refuse(run, 'sourceLimit', refusal)
  }
  state.admitted = true
  return runChecks(run, 0)
}

function findOverLimit({ state, context }: Run, sources: SourceLimiter): Refusal | undefined {
  const retryAfterSeconds = sources.secondsToWait(
    () => state.request.remoteAddress,
    () => context.settings.clock.monotonicMs(),
  )
  if (retryAfterSeconds === 0) return undefined
  const message = 'too many requests of this network proved nothing'
  return new Refusal('rate_limited', message, { retryAfterSeconds, diagnosis: { limit: 'sourceLimit' } })
}

/** Runs the checks of a guard in order, without a promise for as long as none of them needs one. */
function runChecks(run: Run, from: number): Verdict | Promise<Verdict> {
  const { ordered, environment, listens } = run.context
  for (let index = from; index < ordered.length; index++) {
    const check = ordered[index] as OrderedCheck
    const begunMs = listens ? environment.clock.monotonicMs() : 0
    try {
      if (check.awaited.length > 0) requireFacts(check, run)
      const added = check.run(run.state.request, run.facts, environment)
      if (isThenable(added)) return resume(run, index, begunMs, added)
      accept(run, check, added)
    } catch (error) {
      if (listens) endTiming(run, check, begunMs)
      return refuse(run, check.name, error)
    }
    if (listens) endTiming(run, check, begunMs)
  }
  return settleLevel(run)
}

/** Answers an error. What is no refusal is our fault, and so is a code that is not registered: 500, cause kept. */
function refuse(run: Run, check: string, error: unknown): Verdict | Promise<Verdict> {
  const { context, state } = run
  const refusal = toRefusal(run, check, error)
  // A refusal leaves no facts to later guards; what a policy said is kept for whom this decision is told.
  if (refusal.policy !== undefined) Object.assign(run.facts, { policy: refusal.policy })
  if (refusal.code !== 'credentials_missing' || !context.route.optional) return settle(run, check, refusal)
  state.anonymous = true
  state.passed = [...state.passed, ...context.descriptions]
  // What the checks before learned of this request does not stand: not all of them ran.
  const before: Run = { ...run, facts: state.facts }
  if (state.facts.agent !== undefined) return settleLevel(before)
  const override = refuseOverride(before)
  return settle(before, override === undefined ? check : 'level', override)
}

async function resume(run: Run, index: number, begunMs: number, pending: Promise<object>): Promise<Verdict> {
  const { ordered, listens } = run.context
  const check = ordered[index] as OrderedCheck
  try {
    accept(run, check, await pending)
  } catch (error) {
    if (listens) endTiming(run, check, begunMs)
    return refuse(run, check.name, error)
  }
  if (listens) endTiming(run, check, begunMs)
  return runChecks(run, index + 1)
}

/** A check that answers `false`, or forgets a fact that others build on, must let no caller pass. */
function accept(run: Run, check: OrderedCheck, added: unknown): void {
  if (typeof added !== 'object' || added === null) {
    throw new Refusal('config_error', `${check.name} must return the facts it adds, {} for none, or throw a Refusal`)
  }
  const known: Readonly<Record<string, unknown>> = Object.assign(run.facts, added)
  for (const fact of check.adds) {
    if (known[fact] === undefined)
      throw new Refusal('config_error', `${check.name} promises ${fact} and does not add it`)
  }
}

function requireFacts(check: OrderedCheck, run: Run): void {
  const known: Readonly<Record<string, unknown>> = run.facts
  for (const fact of check.awaited) {
    if (known[fact] === undefined)
      throw unmet(run, `${check.name} needs ${fact}: mount the guard that establishes it first`)
  }
}

function settleLevel(run: Run): Verdict | Promise<Verdict> {
  const { context, state, facts } = run
  if (facts.agent === undefined) {
    return refuse(run, 'level', unmet(run, 'no check of this guard, nor of one before it, establishes an agent'))
  }
  const override = refuseOverride(run)
  if (override !== undefined) return settle(run, 'level', override)
  const accepted = context.acceptedLevels[isSafeMethod(state.request.method) ? 'safe' : 'unsafe']
  if (accepted.includes(facts.agent.level)) return settle(run, context.ordered.at(-1)?.name ?? 'level', undefined)
  const refusal = new Refusal('scheme_not_allowed', `this route asks for a credential of level ${accepted[0]}`)
  return settle(run, 'level', refusal)
}

/** For every caller the method that was judged must be the one that is executed. */
function refuseOverride({ context, state, facts }: Run): Refusal | undefined {
  if (context.settings.methodOverride === 'ignored') return undefined
  const override = findUncoveredOverride(state.request, facts.proof)
  if (override === undefined) return undefined
  return new Refusal('coverage_insufficient', `no proof covers ${override}: leave it out`)
}

/** The caller's fault where an earlier guard let it pass without an identity; the programmer's fault otherwise. */
function unmet(run: Run, message: string): Refusal {
  if (run.state.anonymous) return new Refusal('credentials_missing', 'credentials are required here')
  return new Refusal('config_error', message)
}

function toRefusal(run: Run, check: string, error: unknown): Refusal {
  const cause = { cause: error }
  if (!isRefusal(error)) return new Refusal('config_error', `${check} failed in a way it should not`, cause)
  if (rowOf(error.code, run.context.settings.refusals) !== undefined) return error
  return new Refusal('config_error', `${check} refused with a code that createGuard({ refusals }) does not know`, cause)
}

function endTiming({ context, timings }: Run, check: OrderedCheck, begunMs: number): void {
  timings.push({ check: check.name, durationMs: context.environment.clock.monotonicMs() - begunMs })
}

/** Decides, records, tells and answers, in this order. Without a refusal the request passes. */
function settle(run: Run, check: string, refusal: Refusal | undefined): Verdict | Promise<Verdict> {
  if (refusal !== undefined) chargeSource(run, refusal)
  Object.freeze(run.facts)
  const mode = run.context.mode ?? modeOf(run, refusal)
  if (!run.context.listens) return toVerdict(run, refusal, undefined, mode)
  return then(tellDecision(run, check, refusal, mode), (told) => toVerdict(run, told.refusal, told.finish, mode))
}

/** For a share of callers. By proven facts only: an id that is merely claimed, or that comes with a copy of a request, would choose its share. */
function modeOf({ context, state, facts }: Run, refusal: Refusal | undefined): Mode {
  const agentId = isOfCopy(refusal) ? undefined : facts.agent?.id
  const { mode, by } = shareOf(context.route.rollout, { agentId, address: state.request.remoteAddress })
  context.environment.report(METRICS.measure('rollout_decisions_total', 1, { mode, by }))
  return mode
}

/** Counts what proved nothing against its network. A copy of a proven request costs as much and proves nothing new. */
function chargeSource({ context, state, facts }: Run, refusal: Refusal): void {
  if (context.sources === undefined || refusal.code === 'rate_limited') return
  if (facts.agent !== undefined && refusal.code !== 'replay_detected') return
  // What a dependency or the operator got wrong is not the caller's doing.
  if (statusOf(refusal, context.settings) >= 500 && !refusal.isOfSource) return
  context.sources.charge(state.request.remoteAddress, context.settings.clock.monotonicMs())
}

function toVerdict(run: Run, refusal: Refusal | undefined, finish: Finish | undefined, mode: Mode): Verdict {
  const { context, state, facts } = run
  let fields = NO_FIELDS
  if (refusal === undefined) {
    state.facts = facts
    if (mode === 'enforce' && context.announcing.length > 0) fields = announceIn(run)
    if (context.ordered.length > 0) state.view = createAgentView(facts, state.requestId, context.settings.view)
  } else if (mode === 'enforce') {
    return { outcome: 'deny', refusal, reply: writeReply(refusal, run), finish }
  } else if (state.facts.agent === undefined) {
    // Observed refusals leave no facts behind: what would not have stood must not be acted upon.
    state.anonymous = true
    state.passed = [...state.passed, ...context.descriptions]
  }
  return { outcome: 'allow', agent: state.view, finish, fields, observed: refusal }
}

/** Something failed that must not: a clock, an adapter, this package. Refused, unless the guard only observes. */
function failedVerdict(context: GuardContext, cause: unknown): Verdict {
  const { settings, environment, route } = context
  const refusal = new Refusal('config_error', 'the guard failed in a way it should not', { cause })
  environment.report(METRICS.measure('guard_failures_total', 1))
  if (route.rollout.percent === 0)
    return { outcome: 'allow', agent: undefined, finish: undefined, fields: NO_FIELDS, observed: refusal }
  const reply = replyTo(refusal, { requestId: randomUUID(), realm: '', exposed: undefined, challenges: [] }, settings)
  return { outcome: 'deny', refusal, reply, finish: undefined }
}
