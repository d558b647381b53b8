import { reachesLevel } from '../credential-scheme.ts'
import { isThenable } from '../internal/then.ts'
import { rowOf } from '../refusal/codes.ts'
import { isRefusal, Refusal } from '../refusal/refusal.ts'
import { findUncoveredOverride, isSafeMethod } from '../request.ts'
import type { OrderedCheck } from './order.ts'
import { settle } from './settle.ts'
import type { Run, Verdict } from './state.ts'

/** Runs the checks of a guard in order, without a promise for as long as none of them needs one. */
export function runChecks(run: Run, from: number): Verdict | Promise<Verdict> {
  const { ordered, environment } = run.context
  for (let index = from; index < ordered.length; index++) {
    const check = ordered[index] as OrderedCheck
    const begunMs = startTiming(run)
    try {
      requireFacts(check, run)
      const added = check.run(run.state.request, run.facts, environment)
      if (isThenable(added)) return resume(run, index, begunMs, added)
      accept(run, check, added)
    } catch (error) {
      endTiming(run, check, begunMs)
      return refuse(run, check.name, error)
    }
    endTiming(run, check, begunMs)
  }
  return settleLevel(run)
}

/** Answers an error. What is no refusal is our fault, and so is a code that nobody registered: 500, cause kept. */
export function refuse(run: Run, check: string, error: unknown): Verdict | Promise<Verdict> {
  const { context, state } = run
  const refusal = toRefusal(run, check, error)
  if (refusal.code !== 'credentials_missing' || !context.route.optional) return settle(run, check, refusal)
  state.anonymous = true
  state.passed = [...state.passed, ...context.descriptions]
  // What the checks before learned of this request does not stand: not all of them ran.
  const before: Run = { ...run, facts: state.facts }
  if (state.facts.agent !== undefined) return settleLevel(before)
  const override = refuseOverride(before)
  return settle(before, override === undefined ? check : 'level', override)
}

function resume(run: Run, index: number, begunMs: number, pending: Promise<object>): Promise<Verdict> {
  const check = run.context.ordered[index] as OrderedCheck
  // A thenable of somebody else may be anything but a promise.
  return Promise.resolve(pending)
    .then((added) => accept(run, check, added))
    .then(
      () => {
        endTiming(run, check, begunMs)
        return runChecks(run, index + 1)
      },
      (error: unknown) => {
        endTiming(run, check, begunMs)
        return refuse(run, check.name, error)
      },
    )
}

/** A check that answers `false`, or forgets a fact that others build on, must not have let anybody pass. */
function accept(run: Run, check: OrderedCheck, added: unknown): void {
  if (typeof added !== 'object' || added === null) {
    throw new Refusal('config_error', `${check.name} must return the facts it adds, {} for none, or throw a Refusal`)
  }
  Object.assign(run.facts, added)
  for (const fact of check.adds) {
    if (!isKnown(run, fact)) throw new Refusal('config_error', `${check.name} promises ${fact} and does not add it`)
  }
}

function requireFacts(check: OrderedCheck, run: Run): void {
  for (const fact of check.awaited) {
    if (!isKnown(run, fact)) throw unmet(run, `${check.name} needs ${fact}: mount the guard that establishes it first`)
  }
}

function isKnown({ facts }: Run, fact: string): boolean {
  return (facts as Readonly<Record<string, unknown>>)[fact] !== undefined
}

function settleLevel(run: Run): Verdict | Promise<Verdict> {
  const { context, state, facts } = run
  const { settings, route } = context
  if (facts.agent === undefined) {
    return refuse(run, 'level', unmet(run, 'no check of this guard, nor of one before it, establishes an agent'))
  }
  const override = refuseOverride(run)
  if (override !== undefined) return settle(run, 'level', override)
  const minimum = route.minimumLevel ?? settings.minimumLevel[isSafeMethod(state.request.method) ? 'safe' : 'unsafe']
  if (reachesLevel(facts.agent.level, minimum)) return settle(run, context.ordered.at(-1)?.name ?? 'level', undefined)
  const refusal = new Refusal('scheme_not_allowed', `this route asks for a credential of level ${minimum}`)
  return settle(run, 'level', refusal)
}

/** Whoever calls: the method that was judged must be the one that is executed. */
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

function startTiming({ context }: Run): number {
  return context.listens ? context.environment.clock.monotonicMs() : 0
}

function endTiming({ context, timings }: Run, check: OrderedCheck, begunMs: number): void {
  if (!context.listens) return
  timings.push({ check: check.name, durationMs: context.environment.clock.monotonicMs() - begunMs })
}
