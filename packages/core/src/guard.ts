import { randomUUID } from 'node:crypto'
import type { AgentRequest } from './agent-request.ts'
import type { Check } from './check.ts'
import { hashConfiguration } from './configuration-hash.ts'
import { createEnvironment } from './environment.ts'
import { FactsRecord } from './facts-record.ts'
import { describeMetrics, introduceReports } from './guard-metrics.ts'
import type { GuardSettings } from './guard-options.ts'
import { orderChecks } from './guard-order.ts'
import type { GuardContext, Run } from './guard-run.ts'
import { Refusal } from './refusal.ts'
import { replyTo } from './reply.ts'
import { checkRequestShape } from './request-shape.ts'
import { createRequestState } from './request-state.ts'
import { createRequestStates, type RequestStates } from './request-states.ts'
import { type RouteOptions, readRouteOptions } from './route-options.ts'
import { refuse, runChecks } from './run-checks.ts'
import { settle } from './settle.ts'
import { isThenable } from './thenable.ts'
import type { Verdict } from './verdict.ts'

/** A composed guard. Never throws and never rejects: whatever happens becomes a verdict. */
export type Guard = (request: AgentRequest) => Verdict | Promise<Verdict>

/** Composes checks into guards that share what they learn about a request. */
export type GuardComposer = (options: RouteOptions, checks: readonly Check[]) => Guard

/** Makes the composer of one guard factory. */
export function createGuardComposer(settings: GuardSettings): GuardComposer {
  const states = createRequestStates()
  const environment = createEnvironment(settings)
  const listens = settings.observers.length > 0 || settings.recorder !== undefined || settings.onRefusal !== undefined
  introduceReports(settings, environment)
  return (options, checks) => {
    const route = readRouteOptions(options, settings)
    const order = orderChecks(checks)
    const configuration = hashConfiguration(settings, route, order.descriptions)
    const context: GuardContext = { settings, environment, listens, route, configuration, ...order }
    describeMetrics(context)
    settings.onCompose?.({ checks: order.descriptions })
    const lastResort = (error: unknown): Verdict => failedVerdict(context, error)
    return (request) => {
      try {
        const verdict = runGuard(startRun(request, context, states))
        return isThenable(verdict) ? verdict.then(undefined, lastResort) : verdict
      } catch (error) {
        return lastResort(error)
      }
    }
  }
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
    facts: new FactsRecord(state.facts) as Run['facts'],
    timings: context.listens ? [] : NO_TIMINGS,
  }
}

function runGuard(run: Run): Verdict | Promise<Verdict> {
  const { state, context } = run
  try {
    if (!state.shapeChecked) checkRequestShape(state.request, context.settings.maxHeaderFields)
    state.shapeChecked = true
  } catch (error) {
    return refuse(run, 'request', error)
  }
  if (!isOpen(state.request, context.settings)) return runChecks(run, 0)
  state.anonymous = true
  return settle(run, 'open', undefined)
}

/** What neither presents a credential nor could use one (Fetch standard, CORS-preflight), or is left open by name. */
function isOpen(request: AgentRequest, settings: GuardSettings): boolean {
  const { method, headers, hasBody } = request
  if (hasBody) return false
  if (method === 'OPTIONS') {
    return settings.corsPreflight && headers.has('origin') && headers.has('access-control-request-method')
  }
  return (method === 'GET' || method === 'HEAD') && settings.openPaths.has(request.path)
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
