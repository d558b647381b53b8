import { randomUUID } from 'node:crypto'
import type { AgentRequest } from './agent-request.ts'
import type { Check } from './check.ts'
import { hashConfiguration } from './configuration-hash.ts'
import type { Environment } from './environment.ts'
import { describeMetrics, introduceReports } from './guard-metrics.ts'
import type { GuardSettings } from './guard-options.ts'
import { orderChecks } from './guard-order.ts'
import { createEnvironment, type GuardContext, type Run } from './guard-run.ts'
import { summarise } from './guard-summary.ts'
import { bareCopy } from './internal/bare-object.ts'
import { isThenable } from './internal/then.ts'
import { findUncoveredOverride } from './method-override.ts'
import { isOpenPath, type OpenCandidate } from './open-requests.ts'
import { Refusal } from './refusal.ts'
import { replyTo } from './reply.ts'
import { createReplyTemplates } from './reply-templates.ts'
import { checkHost, checkRequestShape } from './request-shape.ts'
import { createRequestState } from './request-state.ts'
import { createRequestStates, type RequestStates } from './request-states.ts'
import { type RouteOptions, readRouteOptions } from './route-options.ts'
import { refuse, runChecks } from './run-checks.ts'
import { settle } from './settle.ts'
import { createSourceLimiter } from './source-limit.ts'
import type { Verdict } from './verdict.ts'

/** A composed guard. Never throws and never rejects: whatever happens becomes a verdict. */
export type Guard = (request: AgentRequest) => Verdict | Promise<Verdict>

/** Composes checks into guards that share what they learn about a request. */
export interface GuardComposer {
  (options: RouteOptions, checks: readonly Check[]): Guard
  /** What their checks are given. */
  readonly environment: Environment
}

/** Makes the composer of one guard factory. */
export function createGuardComposer(settings: GuardSettings): GuardComposer {
  const states = createRequestStates()
  const environment = createEnvironment(settings)
  const listens = settings.observers.length > 0 || settings.recorder !== undefined || settings.onRefusal !== undefined
  introduceReports(settings, environment)
  const sources = settings.sourceLimit && createSourceLimiter(settings.sourceLimit)
  const compose = (options: RouteOptions, checks: readonly Check[]): Guard => {
    const route = readRouteOptions(options, settings)
    const order = orderChecks(checks, settings.clock)
    const configuration = hashConfiguration(settings, route, order.descriptions)
    const templates = createReplyTemplates()
    const context: GuardContext = { settings, environment, listens, sources, route, templates, configuration, ...order }
    describeMetrics(context)
    settings.onCompose?.({ checks: order.descriptions })
    const lastResort = (error: unknown): Verdict => failedVerdict(context, error)
    const { mode, optional } = route
    const guard: Guard = (request) => {
      try {
        const verdict = runGuard(startRun(request, context, states))
        return isThenable(verdict) ? verdict.then(undefined, lastResort) : verdict
      } catch (error) {
        return lastResort(error)
      }
    }
    return summarise(guard, [{ checks: order.descriptions.map(({ name }) => name), mode, optional }])
  }
  return Object.assign(compose, { environment })
}

const NO_TIMINGS: Run['timings'] = []

function startRun(request: AgentRequest, context: GuardContext, states: RequestStates): Run {
  let state = states.find(request.raw)
  if (state === undefined) {
    state = createRequestState(request, context.listens ? context.settings.clock.monotonicMs() : 0)
    states.remember(request.raw, state)
  }
  return {
    context,
    state,
    facts: bareCopy(state.facts),
    timings: context.listens ? [] : NO_TIMINGS,
  }
}

function runGuard(run: Run): Verdict | Promise<Verdict> {
  const { state } = run
  const { settings } = run.context
  try {
    if (!state.shapeChecked) checkRequestShape(state.request, settings.maxHeaderFields)
    // Before the host is judged: probes name the address of one server, or nothing.
    if (isOpenPath(openCandidate(state.request, settings), settings) && !isOverridden(state.request, settings))
      return passOpen(run)
    if (!state.shapeChecked) checkHost(state.request)
    state.shapeChecked = true
  } catch (error) {
    return refuse(run, 'request', error)
  }
  if (isPreflight(state.request, settings) && !isOverridden(state.request, settings)) return passOpen(run)
  if (!state.admitted) {
    const waitSeconds = secondsToWait(run)
    if (waitSeconds > 0) return refuse(run, 'sourceLimit', overLimit(waitSeconds))
    state.admitted = true
  }
  return runChecks(run, 0)
}

function secondsToWait({ state, context }: Run): number {
  const { sources, settings } = context
  if (sources === undefined) return 0
  return sources.secondsToWait(
    () => state.request.remoteAddress,
    () => settings.clock.monotonicMs(),
  )
}

function overLimit(retryAfterSeconds: number): Refusal {
  const message = 'too many requests of this network proved nothing'
  return new Refusal('rate_limited', message, { retryAfterSeconds, diagnosis: { limit: 'sourceLimit' } })
}

function passOpen(run: Run): Verdict | Promise<Verdict> {
  run.state.anonymous = true
  return settle(run, 'open', undefined)
}

function openCandidate({ method, path, hasBody }: AgentRequest, { strippedPrefix }: GuardSettings): OpenCandidate {
  return { method, path: path.slice(strippedPrefix.length), hasBody }
}

/** Open is a method by name: one that a framework behind makes another of is none of those. */
function isOverridden(request: AgentRequest, { methodOverride }: GuardSettings): boolean {
  return methodOverride !== 'ignored' && findUncoveredOverride(request, undefined) !== undefined
}

/** What neither presents a credential nor could use one (Fetch standard, CORS-preflight), where that is left open. */
function isPreflight({ method, headers, hasBody }: AgentRequest, { corsPreflight }: GuardSettings): boolean {
  const isAsked = method === 'OPTIONS' && corsPreflight && !hasBody
  return isAsked && headers.has('origin') && headers.has('access-control-request-method')
}

/** Something failed that must not: a clock, an adapter, this package. Refused, unless the guard only observes. */
function failedVerdict(context: GuardContext, cause: unknown): Verdict {
  const { settings, environment, route } = context
  const refusal = new Refusal('config_error', 'the guard failed in a way it should not', { cause })
  environment.report({ name: 'guard_failures_total', kind: 'counter', value: 1 })
  if (route.mode === 'observe') return { outcome: 'allow', agent: undefined, finish: undefined, observed: refusal }
  const reply = replyTo(refusal, { requestId: randomUUID(), realm: '', cors: false, challenges: [] }, settings)
  return { outcome: 'deny', refusal, reply, finish: undefined }
}
