import {
  type AgentRequest,
  type Check,
  defineCheck,
  type Environment,
  isRefusal,
  isUnavailable,
  Misconfigured,
  type PolicyFact,
  Refusal,
  Unavailable,
} from '@countermark/core'
import { describeSettings, isThenable, then } from '@countermark/core/internal'
import { type Asked, createAsk, EngineFailure } from './answer/ask-engine.ts'
import { meetObligations } from './answer/meet-obligations.ts'
import type { PolicyEngine, PolicyFunction } from './engines/engine.ts'
import {
  createInput,
  type Described,
  defaultAction,
  defaultResource,
  type PolicyCaller,
  type PolicyFacts,
  type PolicyInput,
  type PolicyRoute,
} from './input/policy-input.ts'
import { METRICS } from './metric-rows.ts'
import { type ConsultPolicyOptions, readPolicyOptions, readPolicyRoute, requireEngine } from './policy-options.ts'

/** The check, and what belongs to it. */
export interface PolicyCheck extends Check<PolicyCaller, PolicyFacts> {
  /**
   * The same for a route that says what it does: one engine and one memory for all of them.
   * @throws Misconfigured `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
   */
  readonly for: (route: PolicyRoute) => Check<PolicyCaller, PolicyFacts>
  /** Resolves once the engine can answer. */
  readonly ready: () => Promise<void>
  /** Ends timers and connections of the engine. */
  readonly close: () => void | Promise<void>
}

/** One request, and the question about it. */
interface Exchange {
  readonly request: AgentRequest
  readonly caller: PolicyCaller
  readonly environment: Environment
  readonly described: Described
  readonly input: PolicyInput
}

/**
 * Asks the organisation's own policy whether a proven agent may do what it asks for. Put it behind the checks that prove the agent
 * and behind `requireCapability`. Without an answer nothing passes.
 * @throws {@link Refusal} `policy_denied`; `approval_required`, `constraint_violation`, `rate_limited` where the policy asks for these
 * @throws {@link Unavailable} `policy_unavailable`
 * @example
 * const policy = consultPolicy(opa({ url: 'http://127.0.0.1:8181/v1/data/agent/authz' }))
 * app.post('/pulls', guard(requireCapability('pr:write:draft'), policy.for({ action: 'pr.create', resource: repositoryOf })), handler)
 */
export function consultPolicy(given: PolicyEngine | PolicyFunction, options: ConsultPolicyOptions = {}): PolicyCheck {
  const engine = requireEngine(given)
  const settings = readPolicyOptions(options)
  const ask = createAsk(engine, settings)
  const { name } = engine

  let isReporting = false
  const useReport = ({ report }: Environment): void => {
    if (!isReporting) engine.reportTo?.(report)
    isReporting = true
  }

  function judge(asked: Asked, exchange: Exchange): PolicyFacts | Promise<PolicyFacts> {
    const { environment, request, caller, described } = exchange
    const { decision, isCached } = asked
    const fact = factOf(asked, exchange)
    const source = isCached ? 'cache' : 'engine'
    environment.report(METRICS.measure('policy_decisions_total', 1, { engine: name, decision: fact.decision, source }))
    const { revision, obligations = [] } = decision
    if (revision !== undefined) environment.report(METRICS.measure('policy_revisions_total', 1, { revision }))
    if (!decision.allow) throw denied(asked, fact, environment)
    const facts: PolicyFacts = { policy: fact }
    if (obligations.length === 0) return facts
    const { approval } = settings
    const withFact = (error: unknown): never => {
      throw isRefusal(error) && !isUnavailable(error) ? carrying(error, fact) : error
    }
    try {
      const met = meetObligations(obligations, { request, caller, environment, approval, values: described.values })
      return isThenable(met) ? met.then(() => facts, withFact) : facts
    } catch (error) {
      return withFact(error)
    }
  }

  function unanswered(error: unknown, exchange: Exchange): never {
    if (!(error instanceof EngineFailure)) throw error
    const { environment, input } = exchange
    const labels = { engine: name, decision: 'unavailable', source: 'engine' } as const
    environment.report(METRICS.measure('policy_decisions_total', 1, labels))
    environment.report(METRICS.measure('policy_failures_total', 1, { reason: error.reason }))
    const said = { action: input.action, reason: error.reason, revision: engine.revision?.(), decisionId: undefined }
    const fact: PolicyFact = {
      ...{ engine: name, decision: 'unavailable', ...said, obligations: [], isCached: false },
      ...questionOf(input),
    }
    const message = 'the policy of this service cannot be asked'
    throw new Unavailable('policy_unavailable', 'policy', message, { cause: error, policy: fact })
  }

  function factOf({ decision, isCached }: Asked, { input }: Exchange): PolicyFact {
    const { allow, reason, revision, decision_id: decisionId, obligations = [] } = decision
    return Object.freeze<PolicyFact>({
      engine: name,
      decision: allow ? 'allow' : 'deny',
      action: input.action,
      reason,
      revision: revision ?? engine.revision?.(),
      decisionId,
      obligations: obligations.map(({ type }) => type),
      isCached,
      ...questionOf(input),
    })
  }

  function questionOf(input: PolicyInput): Pick<PolicyFact, 'question'> {
    return settings.keepQuestion ? { question: JSON.stringify(input) } : {}
  }

  const checkOf = (route: PolicyRoute): Check<PolicyCaller, PolicyFacts> =>
    defineCheck<PolicyCaller, PolicyFacts>(
      {
        name: 'consultPolicy',
        needs: ['agent'],
        adds: ['policy'],
        settings: describe(engine, options, route),
        metrics: [...METRICS.rows, ...(engine.metrics ?? [])],
        inspect: ({ checks }) => requireOrder(checks.map(({ adds }) => adds)),
      },
      (request, caller, environment) =>
        then(describeRequest(route, request, caller), (described) => {
          const input = createInput(request, caller, described, environment.clock.wallMs())
          useReport(environment)
          const exchange: Exchange = { request, caller, environment, described, input }
          let asked: Asked | Promise<Asked>
          try {
            asked = ask(input, environment)
          } catch (error) {
            return unanswered(error, exchange)
          }
          if (!isThenable(asked)) return judge(asked, exchange)
          return asked.then(
            (answer) => judge(answer, exchange),
            (error: unknown) => unanswered(error, exchange),
          )
        }),
    )
  return Object.assign(checkOf(settings), {
    for: (route: PolicyRoute) => checkOf({ ...settings, ...readPolicyRoute(route) }),
    ready: async () => engine.ready?.(),
    close: () => engine.close?.(),
  })
}

function describe(engine: PolicyEngine, options: ConsultPolicyOptions, { action, resource }: PolicyRoute) {
  const stated = describeSettings({ ...options, action, resource }, [
    ...(['action', 'resource', 'timeoutMs', 'onUnavailable', 'cacheEntries', 'keepQuestion'] as const),
  ])
  return { ...stated, engine: engine.name }
}

/** What a route says of a request, at once where it can. */
function describeRequest(
  route: PolicyRoute,
  request: AgentRequest,
  caller: PolicyCaller,
): Described | Promise<Described> {
  const { action = defaultAction, resource = defaultResource, arguments: values, context } = route
  return then(typeof action === 'function' ? action(request, caller) : action, (does) =>
    then(typeof resource === 'function' ? resource(request, caller) : resource, (about) =>
      then(values?.(request, caller), (known) =>
        then(context?.(request, caller), (more) => ({ action: does, resource: about, values: known, more })),
      ),
    ),
  )
}

/** One short word is fit for a label; whatever else an engine says may name anything. */
const WORD = /^[a-z][a-z0-9_.-]{0,47}$/

function denied({ decision }: Asked, fact: PolicyFact, { report }: Environment): Refusal {
  const { reason = 'none', tell } = decision
  report(METRICS.measure('policy_denials_total', 1, { reason: WORD.test(reason) ? reason : 'other' }))
  const members = tell === undefined ? {} : { members: { reason: tell } }
  return new Refusal('policy_denied', 'the policy of this service does not allow this', { policy: fact, ...members })
}

/** The refusal of an obligation, with what the policy said. */
function carrying(refusal: Refusal, policy: PolicyFact): Refusal {
  const { code, message, retryAfterSeconds, hints, members, diagnosis } = refusal
  return new Refusal(code, message, {
    ...{ cause: refusal.cause, hints, members, policy },
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(diagnosis === undefined ? {} : { diagnosis }),
  })
}

/**
 * A policy judges what is known: in one guard it comes behind whatever finds out who calls, for whom and for what.
 * @throws Misconfigured `ERR_CHECK_ORDER`
 */
function requireOrder(adds: readonly (readonly string[])[]): void {
  const own = adds.findIndex((facts) => facts.includes('policy'))
  const later = adds.slice(own + 1).flat()
  const missed = ['freshness', 'delegation', 'capability'].find((fact) => later.includes(fact))
  if (missed === undefined) return
  throw new Misconfigured('ERR_CHECK_ORDER', `put consultPolicy behind the check that adds ${missed}`)
}
