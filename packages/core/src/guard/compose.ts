import { randomUUID } from 'node:crypto'
import type { Check, CheckDescription } from '../check.ts'
import { CREDENTIAL_SCHEMES, exposedBy, fieldsOf } from '../credential-scheme.ts'
import type { Environment } from '../environment.ts'
import { bareCopy } from '../internal/bare-object.ts'
import { isThenable } from '../internal/then.ts'
import { GUARD_PARTS, METRIC_ROWS, METRICS } from '../metric-rows.ts'
import { Refusal } from '../refusal/refusal.ts'
import { createReplyTemplates, replyTo } from '../refusal/response.ts'
import { type AgentRequest, findUncoveredOverride } from '../request.ts'
import {
  checkCredentialFields,
  checkHost,
  checkRequestShape,
  createSourceLimiter,
  isOpenPath,
  type OpenCandidate,
} from './admission.ts'
import type { GuardSettings } from './options.ts'
import { hashConfiguration, orderChecks } from './order.ts'
import { type RouteOptions, readRouteOptions } from './route-options.ts'
import { refuse, runChecks } from './run.ts'
import { settle } from './settle.ts'
import {
  createEnvironment,
  createRequestState,
  createRequestStates,
  type GuardContext,
  type RequestStates,
  type Run,
  type Verdict,
} from './state.ts'

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
    const context: GuardContext = {
      ...{ settings, environment, listens, sources, route, templates, configuration },
      ...order,
      ...readCredentials(order.descriptions),
    }
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

type Credentials = Pick<GuardContext, 'schemes' | 'guardedFields' | 'exposed'>

function readCredentials(descriptions: readonly CheckDescription[]): Credentials {
  const foreign = descriptions.flatMap(({ credentials = [] }) => credentials)
  const schemes = [...CREDENTIAL_SCHEMES, ...foreign]
  return { schemes, guardedFields: fieldsOf(foreign), exposed: exposedBy(schemes) }
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
    if (run.context.guardedFields.length > 0) checkCredentialFields(state.request, run.context.guardedFields)
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
  environment.report(METRICS.measure('guard_failures_total', 1))
  if (route.mode === 'observe') return { outcome: 'allow', agent: undefined, finish: undefined, observed: refusal }
  const reply = replyTo(refusal, { requestId: randomUUID(), realm: '', exposed: undefined, challenges: [] }, settings)
  return { outcome: 'deny', refusal, reply, finish: undefined }
}

/** Gives those who watch, record and verify what to report with. */
export function introduceReports({ observers, recorder, verifier }: GuardSettings, { report }: Environment): void {
  for (const observer of observers) observer.reportTo?.(report)
  recorder?.reportTo?.(report)
  verifier.reportTo?.(report)
}

/** Tells observers what a guard will measure: its own rows, those of its checks, and those of everybody who listens. */
export function describeMetrics({ settings, descriptions }: GuardContext): void {
  const { observers, recorder, verifier } = settings
  const describing = observers.filter(({ described }) => described !== undefined)
  if (describing.length === 0) return
  const parts = [...descriptions, verifier, ...observers, ...(recorder === undefined ? [] : [recorder])]
  const rows = [...METRIC_ROWS, ...parts.flatMap(({ metrics = [] }) => metrics)]
  const checks = [...GUARD_PARTS.map((name) => ({ name, adds: [] })), ...descriptions]
  for (const observer of describing) observer.described?.({ checks, rows })
}

/** What a guard consists of, for tools that look at an application from outside. */
export interface GuardSummary {
  /** Names of the checks, in their order. */
  readonly checks: readonly string[]
  readonly mode: 'enforce' | 'observe'
  /** Requests without credentials pass. */
  readonly optional: boolean
}

/** A registered symbol: a tool may have loaded another copy of this package. */
const GUARD = Symbol.for('countermark.guard')

/** Lets a guard, or the middleware made of it, say what it consists of. */
export function summarise<Handler>(handler: Handler, summaries: readonly GuardSummary[]): Handler {
  if (typeof handler !== 'function') return handler
  return Object.defineProperty(handler, GUARD, { value: Object.freeze([...summaries]), configurable: true })
}

/** What a handler says that it consists of; several where it holds several guards, none when it is no guard of ours. */
export function summariesOf(handler: unknown): readonly GuardSummary[] {
  if (typeof handler !== 'function') return []
  const summaries: unknown = Reflect.get(handler, GUARD)
  return Array.isArray(summaries) ? summaries : []
}
