import {
  type AgentRequest,
  type CapabilityFact,
  type Check,
  defineCheck,
  type Environment,
  isRefusal,
  type MetricRow,
} from '@countermark/core'
import { type CapabilityContext, describeSettings, type ResourceMetadata, then } from '@countermark/core/internal'
import { type ArgumentSources, compileArguments, type RouteArguments } from './arguments/read-arguments.ts'
import { type CapabilityRules, capabilityRules } from './capability-rules.ts'
import { bothReleases, charge, NOTHING_TAKEN, type Receipt } from './charge.ts'
import { CAPABILITY_TYPE } from './constraints/constraint-groups.ts'
import { decide } from './decide.ts'
import { type Alternative, type CallerFacts, constrain, type Grants, requireUnrestricted } from './grants.ts'
import { challengeOf, insufficientScope, withTokenChallenge } from './insufficient-scope.ts'
import { METRICS } from './metric-rows.ts'
import {
  createRouteScopes,
  type FilledScope,
  parseRequiredScopes,
  type RequiredScopes,
  type RouteScopes,
  type ScopeTemplate,
} from './scopes/required-scopes.ts'

/** What is known after. */
export interface CapabilityFacts {
  /** What was asked for and granted. */
  readonly capability: CapabilityFact
}

/** What a check knows of its route. */
interface Route {
  readonly rules: CapabilityRules
  readonly scopes: RouteScopes
  readonly values: RouteArguments
  /** Marks refusals as its own. */
  readonly owner: object
  takesTokens: boolean
}

interface Exchange {
  readonly request: AgentRequest
  readonly caller: CallerFacts
  readonly environment: Environment
  readonly rules: CapabilityRules
  readonly context: CapabilityContext
  readonly nowMs: number
}

/**
 * Lets a request pass if what its caller was granted covers the scope and every constraint of the grant holds. `sources` says
 * where the request has the values that a grant may limit.
 * @throws {@link Refusal} `insufficient_scope`, `constraint_violation`, `constraint_unknown`, `approval_required`,
 *   `approval_pending`, `rate_limited`, `token_expired`, `coverage_insufficient`
 * @throws {@link Unavailable} `budget_store_unavailable`
 * @example
 * guard(requireCapability('refunds:create', { amount: body('/amount'), currency: body('/currency') }, rules))
 */
export function requireCapability(
  required: RequiredScopes,
  sources: ArgumentSources = {},
  rules: CapabilityRules = capabilityRules(),
): Check<CallerFacts, CapabilityFacts> {
  const templates = parseRequiredScopes(required, rules.rename)
  const values = compileArguments(sources)
  const takesTokens = rules.resourceMetadata !== undefined
  const route: Route = { rules, scopes: createRouteScopes(templates), values, owner: {}, takesTokens }
  const stated = describeSettings({ required, ceiling: rules.ceiling }, ['required', 'ceiling'])
  return defineCheck<CallerFacts, CapabilityFacts>(
    {
      name: 'requireCapability',
      needs: ['agent'],
      adds: ['capability'],
      settings: { ...stated, arguments: Object.keys(sources).sort() },
      metadata: describeScopes(templates),
      metrics: budgetMetrics(rules),
      challenge: (context) => challengeOf(route.owner, context),
      challengeKind: () => '',
      inspect: ({ checks, clock }) => {
        if (clock !== undefined) rules.approvals?.store.useClock?.(clock)
        route.takesTokens ||= checks.some(({ adds }) => adds.includes('delegation'))
      },
    },
    (request, caller, environment) => {
      const nowMs = environment.clock.wallMs()
      const exchange = { request, caller, environment, rules, context: new RequestContext(request), nowMs }
      const alternatives = findAlternatives(route, exchange)
      const free = alternatives.find(isFree)
      return free === undefined ? readAndDecide(alternatives, route, exchange) : factsOf(free, NOTHING_TAKEN, exchange)
    },
  )
}

/** A scope with a parameter is none that a client could ask for: what it is depends on the request. */
function describeScopes(templates: readonly (readonly ScopeTemplate[])[]): ResourceMetadata {
  const scopes = templates.flat().filter(({ parameters }) => parameters.length === 0)
  return {
    scopes_supported: scopes.map(({ text }) => text),
    authorization_details_types_supported: [CAPABILITY_TYPE],
  }
}

function budgetMetrics({ budgets }: CapabilityRules): readonly MetricRow[] {
  if (budgets === undefined) return []
  return [...METRICS.rowsOf({ store: budgets.name }), ...(budgets.metrics ?? [])]
}

/**
 * The alternatives that what was granted covers.
 * @throws {@link Refusal} `insufficient_scope`, `token_expired`, `constraint_violation`, `constraint_unknown`
 */
function findAlternatives(route: Route, exchange: Exchange): readonly Alternative[] {
  const { rules, scopes, owner, takesTokens } = route
  const { request, caller } = exchange
  const grants = rules.findGrants(caller, rules)
  const { resourceMetadata } = rules
  const { delegation } = caller
  try {
    requireUnrestricted(grants, exchange)
  } catch (error) {
    // A guard of a route has no check of tokens that would ask for another one.
    throw isRefusal(error) ? withTokenChallenge(error, { delegation, request, resourceMetadata, owner }) : error
  }
  const filled = scopes.fill(request)
  const known = grants.alternatives.get(filled)
  if (known !== undefined) return known
  const covered = filled.filter((each) => isCovered(each, grants)).map((each) => constrainFilled(each, grants))
  if (covered.length === 0) {
    const askedBefore = caller.capability?.asked ?? []
    const from = { delegation, request, resourceMetadata, owner, grants, scopes: filled[0] ?? [], askedBefore }
    throw insufficientScope({ ...from, takesTokens: takesTokens || delegation !== undefined })
  }
  // What was granted and what constrains it stays the same; whether constraints hold is checked for each request.
  if (scopes.isConstant) grants.alternatives.set(filled, covered)
  return covered
}

function isCovered(scopes: readonly FilledScope[], { covers }: Grants): boolean {
  return scopes.every(({ required }) => required !== undefined && covers(required))
}

function constrainFilled(scopes: readonly FilledScope[], grants: Grants): Alternative {
  const required = scopes.map((scope) => scope.required).filter((scope) => scope !== undefined)
  return constrain(required, grants)
}

function isFree({ scopes }: Alternative): boolean {
  for (const { groups } of scopes) if (groups.length > 0) return false
  return true
}

/** Nothing of the request is read before a constraint asks for it. */
function readAndDecide(
  alternatives: readonly Alternative[],
  { values, owner }: Route,
  exchange: Exchange,
): CapabilityFacts | Promise<CapabilityFacts> {
  const { request, caller, rules, context, nowMs } = exchange
  const { agent, delegation, proof } = caller
  return then(values.needsBody ? request.body('proven') : undefined, (body) => {
    const argument = values.read({ request, proof, body })
    const decided = decide(alternatives, { agent, delegation, rules, request, context, nowMs, argument })
    return then(decided, ({ alternative, outcome }) =>
      then(charge(outcome, { ...exchange, argument, owner }), (receipt) => factsOf(alternative, receipt, exchange)),
    )
  })
}

/** A second check of one request adds to what the first one established. */
function factsOf({ names }: Alternative, { approval, release }: Receipt, exchange: Exchange): CapabilityFacts {
  const { caller, context } = exchange
  const before = caller.capability
  const { declared, used, asked } = names
  if (before === undefined) return { capability: Object.freeze({ declared, used, asked, approval, release, context }) }
  return {
    capability: Object.freeze({
      declared: Object.freeze([...(before.declared ?? []), ...declared]),
      used: Object.freeze([...before.used, ...used]),
      asked: Object.freeze([...(before.asked ?? []), ...asked]),
      approval: approval ?? before.approval,
      release: bothReleases(before.release, release),
      context,
    }),
  }
}

/**
 * A request, as far as constraints are about it; each part is worked out when a constraint asks for it. A class, because
 * getters in an object literal cost more than all the rest of a decision; and nothing of it gets into JSON.
 */
class RequestContext implements CapabilityContext {
  readonly #request: AgentRequest

  constructor(request: AgentRequest) {
    this.#request = request
  }

  get method(): string {
    return this.#request.method
  }

  get remoteAddress(): string | undefined {
    return this.#request.remoteAddress
  }

  get origin(): string {
    return `${this.#request.scheme}://${this.#request.authority}`
  }

  get path(): string {
    return this.#request.path
  }
}
