import type { AgentRequest } from './agent-request.ts'
import type { Check } from './check.ts'
import type { Environment } from './environment.ts'
import { reachesLevel } from './facts.ts'
import { type GuardSettings, LEVELS, type RouteOptions, requireWord } from './guard-options.ts'
import { type OrderedCheck, orderChecks } from './guard-order.ts'
import { requireKnownOptions } from './misconfigured.ts'
import { Refusal } from './refusal.ts'
import { checkRequestShape } from './request-shape.ts'
import { createRequestState, type RequestState } from './request-state.ts'
import { type GuardContext, isSafeMethod, isThenable, type Run, settle, type Verdict } from './verdict.ts'

/** A composed guard. Never rejects: whatever happens becomes a verdict. */
export type Guard = (request: AgentRequest) => Verdict | Promise<Verdict>

/** Composes checks into guards that share what they learn about a request. */
export type GuardComposer = (options: RouteOptions, checks: readonly Check[]) => Guard

/** Makes the composer of one guard factory. */
export function createGuardComposer(settings: GuardSettings): GuardComposer {
  const states = new WeakMap<object, RequestState>()
  const environment = createEnvironment(settings)
  return (options, checks) => {
    const context: GuardContext = {
      settings,
      environment,
      route: validRoute(options, settings),
      ...orderChecks(checks),
    }
    return (request) => {
      let state = states.get(request.raw)
      if (state === undefined) {
        state = createRequestState(request, settings.clock.monotonicMs())
        states.set(request.raw, state)
      }
      return runGuard({ context, state, facts: { ...state.facts }, timings: [] })
    }
  }
}

function runGuard(run: Run): Verdict | Promise<Verdict> {
  const { state, context } = run
  try {
    if (!state.shapeChecked) checkRequestShape(state.request, context.settings.maxHeaderFields)
    state.shapeChecked = true
  } catch (error) {
    return settle(run, 'request', error)
  }
  if (isOpen(state.request, context.settings)) {
    state.anonymous = true
    return settle(run, 'open')
  }
  return runChecks(run, 0)
}

function runChecks(run: Run, from: number): Verdict | Promise<Verdict> {
  const { ordered, environment } = run.context
  for (let index = from; index < ordered.length; index++) {
    const check = ordered[index] as OrderedCheck
    const begunMs = environment.clock.monotonicMs()
    try {
      requireFacts(check, run)
      const added = check.run(run.state.request, run.facts, environment)
      if (isThenable(added)) return resume(run, index, begunMs, added)
      passed(run, check, begunMs, added)
    } catch (error) {
      timed(run, check, begunMs)
      return settle(run, check.name, error)
    }
  }
  return settleLevel(run)
}

function resume(run: Run, index: number, begunMs: number, pending: Promise<object>): Promise<Verdict> {
  const check = run.context.ordered[index] as OrderedCheck
  return pending.then(
    (added) => {
      passed(run, check, begunMs, added)
      return runChecks(run, index + 1)
    },
    (error: unknown) => {
      timed(run, check, begunMs)
      return settle(run, check.name, error)
    },
  )
}

function passed(run: Run, check: OrderedCheck, begunMs: number, added: object): void {
  timed(run, check, begunMs)
  Object.assign(run.facts, added)
}

function timed(run: Run, check: OrderedCheck, begunMs: number): void {
  run.timings.push({ check: check.name, durationMs: run.context.environment.clock.monotonicMs() - begunMs })
}

function requireFacts(check: OrderedCheck, run: Run): void {
  for (const fact of check.awaited) {
    if (!(fact in run.facts)) throw unmet(run, `${check.name} needs ${fact}: mount the guard that establishes it first`)
  }
}

function settleLevel(run: Run): Verdict | Promise<Verdict> {
  const { context, state, facts } = run
  const { settings, route } = context
  if (facts.agent === undefined) {
    return settle(run, 'level', unmet(run, 'no check of this guard, nor of one before it, establishes an agent'))
  }
  const minimum = route.minimumLevel ?? settings.minimumLevel[isSafeMethod(state.request.method) ? 'safe' : 'unsafe']
  if (reachesLevel(facts.agent.level, minimum)) return settle(run, context.ordered.at(-1)?.name ?? 'level')
  const refusal = new Refusal('scheme_not_allowed', `this route asks for a credential of level ${minimum}`)
  return settle(run, 'level', refusal)
}

/** The caller's fault where an earlier guard let it pass without an identity; the programmer's fault otherwise. */
function unmet(run: Run, message: string): Refusal {
  if (run.state.anonymous) return new Refusal('credentials_missing', 'credentials are required here')
  return new Refusal('config_error', message)
}

function isOpen(request: AgentRequest, settings: GuardSettings): boolean {
  const { method, headers } = request
  if (method === 'OPTIONS') {
    return settings.corsPreflight && headers.has('origin') && headers.has('access-control-request-method')
  }
  return (method === 'GET' || method === 'HEAD') && !request.hasBody && settings.openPaths.has(request.path)
}

function validRoute(options: RouteOptions, settings: GuardSettings): GuardContext['route'] {
  requireKnownOptions('guard.with', options, ['optional', 'mode', 'minimumLevel'])
  const { optional = false, mode = settings.mode, minimumLevel } = options
  if (minimumLevel !== undefined) requireWord('minimumLevel', minimumLevel, LEVELS)
  return { optional, mode: requireWord('mode', mode, ['enforce', 'observe']), minimumLevel }
}

function createEnvironment(settings: GuardSettings): Environment {
  const measurers = settings.observers.filter((observer) => observer.measured !== undefined)
  return {
    clock: settings.clock,
    verifier: settings.verifier,
    development: settings.development,
    report: (measurement) => {
      for (const observer of measurers) {
        try {
          observer.measured?.(measurement)
        } catch {
          // Silence is right: reporting that a report failed would fail the same way.
        }
      }
    },
  }
}
