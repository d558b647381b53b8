import type { Check, CheckDescription } from '../check.ts'
import { CREDENTIAL_SCHEMES, exposedBy, fieldsOf, LEVELS, type Level } from '../credential-scheme.ts'
import type { Environment } from '../environment.ts'
import { createAttachment } from '../internal/closed-object.ts'
import { GUARD_PARTS, METRIC_ROWS } from '../metric-rows.ts'
import { createReplyTemplates } from '../refusal/reply-template.ts'
import type { ReplayStore } from '../seams/replay-store.ts'
import type { GuardSettings } from './options.ts'
import { hashConfiguration, orderChecks } from './order.ts'
import { isPartial, wholeMode } from './rollout.ts'
import { type RouteOptions, readRouteOptions } from './route-options.ts'
import { guardOf } from './run.ts'
import { createSourceLimiter } from './source-limit.ts'
import { createEnvironment, type Guard, type GuardContext, type RequestState } from './state.ts'

/** Composes checks into guards that share what they learn about a request. */
export interface GuardComposer {
  (options: RouteOptions, checks: readonly Check[]): Guard
  /** What their checks are given. */
  readonly environment: Environment
}

/** Makes the composer of one guard factory. */
export function createGuardComposer(settings: GuardSettings): GuardComposer {
  const states = createAttachment<RequestState>()
  const environment = createEnvironment(settings)
  const listens = settings.observers.length > 0 || settings.recorder !== undefined || settings.onRefusal !== undefined
  introduceReports(settings, environment)
  const warnOfSeparateStores = createStoreWarning()
  const sources = settings.sourceLimit && createSourceLimiter(settings.sourceLimit)
  const compose = (options: RouteOptions, checks: readonly Check[]): Guard => {
    const route = readRouteOptions(options, settings)
    const order = orderChecks(checks, settings.clock)
    const configuration = hashConfiguration(settings, route, order.descriptions)
    const templates = createReplyTemplates()
    const context: GuardContext = {
      ...{ settings, environment, listens, sources, route, templates, configuration },
      ...order,
      announcing: order.descriptions.filter(({ announce }) => announce !== undefined),
      ...readCredentials(order.descriptions),
      mode: isPartial(route.rollout) ? undefined : wholeMode(route.rollout),
      acceptedLevels: readLevels(settings.minimumLevel, route.minimumLevel),
    }
    describeMetrics(context)
    warnOfSeparateStores(order.descriptions)
    settings.onCompose?.({ checks: order.descriptions })
    const guard = guardOf(context, states)
    return summarise(guard, [summaryOf(context)])
  }
  return Object.assign(compose, { environment })
}

/**
 * Warns once when guards of one factory claim nonces in a memory that not all of them share: what one accepted, another
 * accepts again. Stores of other kinds may share what is behind them.
 */
function createStoreWarning(): (checks: readonly CheckDescription[]) => void {
  let first: ReplayStore | undefined
  let told = false
  return (checks) => {
    for (const { replayStore } of checks) {
      first ??= replayStore
      if (told || replayStore === undefined || replayStore === first) continue
      if (first?.name !== 'memory' && replayStore.name !== 'memory') continue
      told = true
      process.emitWarning(
        'two guards claim nonces in different replay stores: a request that one accepted is fresh for the other; pass one store to both',
        { type: 'CountermarkWarning', code: 'separate_replay_stores' },
      )
    }
  }
}

type Credentials = Pick<GuardContext, 'schemes' | 'guardedFields' | 'exposed'>

function readCredentials(descriptions: readonly CheckDescription[]): Credentials {
  const further = descriptions.flatMap(({ credentials = [] }) => credentials)
  const schemes = [...CREDENTIAL_SCHEMES, ...further]
  return { schemes, guardedFields: fieldsOf(further), exposed: exposedBy(schemes) }
}

/** For safe and unsafe methods the levels that are accepted, weakest first. */
function readLevels(
  { safe, unsafe }: GuardSettings['minimumLevel'],
  own: Level | undefined,
): GuardContext['acceptedLevels'] {
  const from = (minimum: Level): readonly Level[] => LEVELS.slice(LEVELS.indexOf(minimum))
  return { safe: from(own ?? safe), unsafe: from(own ?? unsafe) }
}

/** Gives those who watch, record and verify what to report with. */
function introduceReports({ observers, recorder, verifier }: GuardSettings, { report }: Environment): void {
  for (const observer of observers) observer.reportTo?.(report)
  recorder?.reportTo?.(report)
  verifier.reportTo?.(report)
}

/** Tells observers what a guard will measure: its own rows, those of its checks, and those of all who listen. */
function describeMetrics({ settings, descriptions }: GuardContext): void {
  const { observers, recorder, verifier } = settings
  const describing = observers.filter(({ described }) => described !== undefined)
  if (describing.length === 0) return
  const parts = [...descriptions, verifier, ...observers, ...(recorder === undefined ? [] : [recorder])]
  const rows = [...METRIC_ROWS, ...parts.flatMap(({ metrics = [] }) => metrics)]
  const checks = [...GUARD_PARTS.map((name) => ({ name, adds: [] })), ...descriptions]
  for (const observer of describing) observer.described?.({ checks, rows })
}

function summaryOf({ descriptions, route: { optional, rollout } }: GuardContext): GuardSummary {
  const share = isPartial(rollout) ? { percent: rollout.percent } : {}
  return { checks: descriptions.map(({ name }) => name), mode: wholeMode(rollout), ...share, optional }
}

/** What a guard consists of, for tools that look at an application from outside. */
export interface GuardSummary {
  /** Names of the checks, in their order. */
  readonly checks: readonly string[]
  readonly mode: 'enforce' | 'observe'
  /** Of callers that are enforced, where that is a part of them. */
  readonly percent?: number
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
