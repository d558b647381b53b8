import {
  type AgentFact,
  type AgentRequest,
  type CapabilityFact,
  type Check,
  type DelegationFact,
  defineCheck,
  type Environment,
  isRefusal,
  type MetricRow,
  type ProofFact,
  Refusal,
} from '@countermark/core'
import { isThenable, nameLabels, type ResourceMetadata, stateSettings } from '@countermark/core/internal'
import { type ArgumentSources, compileArguments, type RouteArguments } from './arguments/read-arguments.ts'
import { type Asking, type LimitedScope, limitScopes } from './asking.ts'
import { type CapabilityRules, capabilityRules } from './capability-rules.ts'
import { chooseAlternative } from './choose-alternative.ts'
import { CAPABILITY_TYPE } from './constraints/constraint-groups.ts'
import { fulfil } from './fulfil.ts'
import { type Holdings, requireUnrestricted } from './holdings.ts'
import { challengeOf, type FilledScope, insufficientScope, withTokenChallenge } from './insufficient-scope.ts'
import { BUDGET_METRIC_ROWS } from './metric-rows.ts'
import { RequestContext } from './request-context.ts'
import type { ScopeTemplate, WantedScope } from './scope-template.ts'
import { compileWanted, type WantedScopes } from './wanted-scopes.ts'

/** What must be known before; all but the agent is used where it is known. */
export interface Caller {
  readonly agent: AgentFact
  readonly delegation?: DelegationFact | undefined
  readonly proof?: ProofFact | undefined
  readonly capability?: CapabilityFact | undefined
}

/** What is known after. */
export interface Capable {
  readonly capability: CapabilityFact
}

/**
 * Lets a request pass if what its caller was granted covers the scope and every limit of the grant holds. `sources` says
 * where the values stand that a grant may limit.
 * @throws {@link Refusal} `insufficient_scope`, `constraint_violation`, `constraint_unknown`, `approval_required`,
 *   `rate_limited`, `token_expired`, `coverage_insufficient`
 * @throws {@link Unavailable} `budget_store_unavailable`
 * @example
 * guard(requireCapability('refunds:create', { amount: body('/amount'), currency: body('/currency') }, rules))
 */
export function requireCapability(
  wanted: WantedScopes,
  sources: ArgumentSources = {},
  rules: CapabilityRules = capabilityRules(),
): Check<Caller, Capable> {
  const alternatives = compileWanted(wanted, rules.rename)
  const route = {
    arguments: compileArguments(sources),
    fill: createFill(alternatives),
    isConstant: !alternatives.flat().some(({ parameters }) => parameters.length > 0),
  }
  const owner = {}
  let takesTokens = rules.resourceMetadata !== undefined
  return defineCheck<Caller, Capable>(
    {
      name: 'requireCapability',
      needs: ['agent'],
      adds: ['capability'],
      settings: {
        ...stateSettings({ wanted, ceiling: rules.ceiling }, ['wanted', 'ceiling']),
        arguments: Object.keys(sources).sort(),
      },
      metadata: describeScopes(alternatives),
      metrics: budgetMetrics(rules),
      challenge: (context) => challengeOf(owner, context),
      challengeKind: () => '',
      inspect: ({ checks, clock }) => {
        if (clock !== undefined) rules.approvals?.store.useClock?.(clock)
        takesTokens ||= checks.some(({ adds }) => adds.includes('delegation'))
      },
    },
    (request, caller, environment) => {
      const { agent, delegation } = caller
      const nowMs = environment.clock.wallMs()
      const asking: Asking = { agent, delegation, rules, request, context: new RequestContext(request), nowMs }
      const holdings = rules.findHoldings(asking, rules)
      try {
        requireUnrestricted(holdings, asking)
      } catch (error) {
        // A guard of a route has no check of tokens that would ask for another one.
        throw isRefusal(error) ? withTokenChallenge(error, { delegation, rules, request, owner }) : error
      }
      const filled = route.fill(request)
      const exchange = { asking, holdings, caller, request, environment, route }
      const before = holdings.limited.get(filled)
      if (before !== undefined) return decideLimited(before, exchange)
      const covered = filled.filter((scopes) => scopes.every((scope) => isHeld(scope, holdings)))
      const [scopes = []] = filled
      if (covered.length === 0) {
        const offersTokens = takesTokens || delegation !== undefined
        const askedBefore = caller.capability?.asked ?? []
        const missing = { holdings, delegation, scopes, askedBefore, rules, request, owner }
        throw insufficientScope({ ...missing, takesTokens: offersTokens })
      }
      const limited = covered.map((scopes) => limitScopes(scopes.map(wantedOf), holdings))
      // What was granted and what limits it stays the same; whether the limits hold is examined for each request.
      if (route.isConstant) holdings.limited.set(filled, limited)
      return decideLimited(limited, exchange)
    },
  )
}

/** A scope with a parameter is none that a client could ask for: what it is depends on the request. */
function describeScopes(alternatives: readonly (readonly ScopeTemplate[])[]): ResourceMetadata {
  const scopes = alternatives.flat().filter(({ parameters }) => parameters.length === 0)
  return {
    scopes_supported: scopes.map(({ text }) => text),
    authorization_details_types_supported: [CAPABILITY_TYPE],
  }
}

function budgetMetrics({ budgets }: CapabilityRules): readonly MetricRow[] {
  if (budgets === undefined) return []
  return [...nameLabels(BUDGET_METRIC_ROWS, { store: budgets.name }), ...(budgets.metrics ?? [])]
}

interface Exchange {
  readonly asking: Asking
  readonly holdings: Holdings
  readonly caller: Caller
  readonly request: AgentRequest
  readonly environment: Environment
  readonly route: { readonly arguments: RouteArguments }
}

/** Nothing of the request is read before a limit asks for it. */
function decideLimited(
  alternatives: readonly (readonly LimitedScope[])[],
  exchange: Exchange,
): Capable | Promise<Capable> {
  for (const scopes of alternatives) {
    if (isFree(scopes)) return fulfil({ scopes, examination: undefined }, exchange)
  }
  if (!exchange.route.arguments.needsBody) return decideWith(alternatives, exchange, undefined)
  const body = exchange.request.body('proven')
  return isThenable(body)
    ? body.then((content) => decideWith(alternatives, exchange, content))
    : decideWith(alternatives, exchange, body)
}

function decideWith(
  alternatives: readonly (readonly LimitedScope[])[],
  exchange: Exchange,
  body: Uint8Array | undefined,
): Capable | Promise<Capable> {
  const { asking, request, route, caller } = exchange
  const argument = route.arguments.read({ request, proof: caller.proof, body })
  const chosen = chooseAlternative(alternatives, asking, argument)
  return isThenable(chosen) ? chosen.then((choice) => fulfil(choice, exchange)) : fulfil(chosen, exchange)
}

function isFree(scopes: readonly LimitedScope[]): boolean {
  for (const { groups } of scopes) if (groups.length > 0) return false
  return true
}

type Fill = (request: AgentRequest) => readonly (readonly FilledScope[])[]

/** Without parameters every request asks for the same. */
function createFill(alternatives: readonly (readonly ScopeTemplate[])[]): Fill {
  if (alternatives.flat().some(({ parameters }) => parameters.length > 0)) {
    return (request) => alternatives.map((scopes) => fillScopes(scopes, request))
  }
  const filled = alternatives.map((scopes) => scopes.map((template) => ({ template, wanted: template.fill({}) })))
  return () => filled
}

function fillScopes(scopes: readonly ScopeTemplate[], request: AgentRequest): readonly FilledScope[] {
  return scopes.map((template) => {
    if (template.parameters.length === 0) return { template, wanted: template.fill({}) }
    const route = request.route()
    // One that the route has and this request leaves out is covered by nothing; one that it has not is our mistake.
    const missing = template.parameters.find((name) => !Object.hasOwn(route.parameters, name))
    if (missing === undefined || declaresParameter(route.template, missing)) {
      return { template, wanted: template.fill(route.parameters) }
    }
    throw new Refusal('config_error', `${template.text} needs a route with :${missing}: mount the guard on the route`)
  })
}

const NAMED = /[:*]"?([\p{ID_Start}$_][\p{ID_Continue}$]*)|\(\?<([^>(]+)>/gu

/** Whether a route's template has a parameter of this name: `/zones/:id` has no `zone`. */
function declaresParameter(template: string | undefined, name: string): boolean {
  return [...(template ?? '').matchAll(NAMED)].some(([, named, grouped]) => name === (named ?? grouped))
}

function isHeld({ wanted }: FilledScope, holdings: Holdings): boolean {
  return wanted !== undefined && holdings.covers(wanted)
}

function wantedOf({ wanted }: FilledScope): WantedScope {
  if (wanted === undefined) throw new TypeError('a scope that cannot be filled in is covered by nothing')
  return wanted
}
