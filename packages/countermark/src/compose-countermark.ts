import {
  type ArgumentSources,
  type CapabilityRules,
  can,
  capabilityRules,
  coversScope,
  type KnownValues,
  type RequiredScopes,
  requireCapability,
} from '@countermark/capability'
import { type AgentView, type Check, type GuardOptions, Misconfigured, requireKnownOptions } from '@countermark/core'
import {
  type ComposeGuard,
  type GuardFactory,
  originFinder,
  type RouteOptions,
  summariesOf,
  summarise,
} from '@countermark/core/internal'
import type { DelegationFacts } from '@countermark/delegation'
import { preventReplay } from '@countermark/replay'
import type { RiskCheck } from '@countermark/risk'
import { verifySignature } from '@countermark/signature'
import { type CompleteOptions, completeOptions } from './complete-options.ts'
import type { CountermarkOptions } from './countermark-options.ts'
import {
  createMetadataDocument,
  type MetadataDocument,
  readMetadataOptions,
  readResource,
} from './metadata-document.ts'
import { apiKeysPart, delegationPart } from './parts-on-first-use.ts'
import { type PolicyAsked, type PolicyOfRoute, readPolicy } from './policy-part.ts'
import { readRisk, recordRisk } from './risk-part.ts'

/** Asks inside a handler whether the agent may do something: see `can` of @countermark/capability. */
type AgentCan = (wanted: string, values?: KnownValues) => boolean

declare module '@countermark/core' {
  interface AgentView {
    /** Whether the agent may do something, with these values; takes nothing from budgets. Added by `countermark`. */
    readonly can: AgentCan
  }
}

/** What is particular to one route. */
export interface RequireOptions {
  /**
   * What a request that a human has to approve first gets. `refused`: 403, and the agent asks; `filed`: it is left with the
   * approver, and 202 says where the agent asks what was decided. @default what `approvals` says, else 'refused'
   */
  readonly unapproved?: 'refused' | 'filed'
  /** What the route tells the option `policy`: `{ action, resource }`. @default its scopes, path and parameters */
  readonly policy?: PolicyOfRoute
}

/**
 * Guards one route by what the agent was granted: see `requireCapability` of @countermark/capability.
 * @throws Misconfigured `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export type RequireScopes<Handler> = (
  wanted: RequiredScopes,
  values?: ArgumentSources,
  options?: RequireOptions,
) => Handler

/** Middleware that knows who calls, and guards for the routes behind it. */
export type AgentGuards<Handler> = Handler & { readonly require: RequireScopes<Handler> }

/** What `countermark` returns. */
export type Countermark<Handler> = AgentGuards<Handler> & {
  /** The same with other options, such as `{ optional: true }`, for the whole application or for one route. */
  readonly with: (options: RouteOptions) => AgentGuards<Handler>
  /**
   * For routes that need no signature: a token, and what proves that it is the agent's own (DPoP, a client certificate).
   * Methods that change something are refused all the same, unless `minimumLevel` says otherwise.
   * @throws Misconfigured `ERR_OPTION_MISSING` without the option `delegation`
   */
  readonly withoutSignature: () => Handler
  /** Makes guards of checks of your own, and of `idempotency`: they share what is known of a request. */
  readonly guard: GuardFactory<Handler>
  /** The RFC 9728 document alone, for where the middleware stands below a path and is not asked for it. */
  readonly metadata: Handler
}

/** What one framework does in its own way. */
export interface Framework<Handler> {
  readonly createGuard: (options: GuardOptions) => GuardFactory<Handler>
  /** Answers requests for the document and lets the others go on. */
  readonly publish: (document: MetadataDocument) => Handler
  readonly inOrder: (first: Handler, second: Handler) => Handler
}

/**
 * Puts the checks into the one right order: signature, freshness, delegation; capabilities route by route.
 * @throws Misconfigured
 */
export function composeCountermark<Handler extends object>(
  given: CountermarkOptions,
  { createGuard, publish, inOrder }: Framework<Handler>,
): Countermark<Handler> {
  const options = completeOptions(given)
  const { keys, replay, onStoreUnavailable, signatures, delegation, capabilities, resource, metadata, ...rest } =
    options
  const { apiKeys: _, authority, risk: behaviour, policy: asked, ...guarding } = rest
  const { origins } = guarding
  const findOrigin = originFinder(origins)
  const published = readResource(resource, typeof origins === 'function' ? undefined : findOrigin)
  const document = createMetadataDocument(published, readMetadataOptions(metadata ?? {}), findOrigin)
  const resourceMetadata = published.place
  const rules = createRules({ ...options, resourceMetadata })
  const view = { can: canWith(rules) }
  const risk = readRisk(behaviour, rules)
  const policy = readPolicy(asked)
  const observers = [...(guarding.observers ?? []), ...(risk === undefined ? [] : [risk.observer])]
  if (risk !== undefined) recordRisk(risk, [guarding.recorder, ...(guarding.observers ?? [])])
  const guard = createGuard({ ...guarding, observers, view, onCompose: document.describe })
  const stops = authority === undefined ? {} : { revocations: authority.revocations }
  const signed = verifySignature({ ...signatures, ...stops, keys })
  const fresh = preventReplay({ store: replay, ...(onStoreUnavailable === undefined ? {} : { onStoreUnavailable }) })
  const delegated = createDelegation({ ...options, resourceMetadata })
  // Who is suspended where keys come from is so with an API key, too.
  const keyed = options.apiKeys && apiKeysPart().apiKeys({ agents: keys, ...options.apiKeys })

  const serve = publish(document)
  const serving = (guarded: Handler): Handler => summarise(inOrder(serve, guarded), summariesOf(guarded))
  const proofOf = (compose: ComposeGuard<Handler>): Handler =>
    delegated === undefined
      ? risk === undefined
        ? compose(signed, fresh)
        : compose(signed, fresh, risk)
      : risk === undefined
        ? compose(signed, fresh, delegated)
        : compose(signed, fresh, delegated, risk)
  /** A signature decides where there is one, a key otherwise: as for all that stands behind an optional guard. */
  const identify = (routeOptions: RouteOptions): Handler => {
    if (keyed === undefined) return proofOf(guard.with(routeOptions))
    const first = proofOf(guard.with({ ...routeOptions, optional: true }))
    const compose = guard.with(routeOptions)
    const second = risk === undefined ? compose(keyed) : compose(keyed, risk)
    return summarise(inOrder(first, second), [...summariesOf(first), ...summariesOf(second)])
  }
  const guardsOf = (routeOptions: RouteOptions): AgentGuards<Handler> => {
    return Object.assign(serving(identify(routeOptions)), {
      require: requireWith(guard.with(routeOptions), { rules, risk, policy }),
    })
  }
  return Object.assign(guardsOf({}), {
    with: guardsOf,
    withoutSignature: () => {
      if (delegated !== undefined) return serving(risk === undefined ? guard(delegated) : guard(delegated, risk))
      throw new Misconfigured(
        'ERR_OPTION_MISSING',
        'withoutSignature needs the option delegation: nothing else says who calls',
      )
    },
    guard,
    metadata: serve,
  })
}

/** For middleware that was called by the application, or by the other framework. */
export function calledOtherwise(here: string, there: string): Misconfigured {
  const fix = `pass it without calling it: app.use(agents); with the other framework import it from countermark/${there}`
  return new Misconfigured('ERR_OPTION_INVALID', `what countermark/${here} returns is middleware: ${fix}`)
}

/** The options, with what is decided here. */
interface DecidedOptions extends CompleteOptions {
  readonly resourceMetadata: string
}

function createRules(options: DecidedOptions): CapabilityRules {
  const { capabilities, replay, delegation, clock, resourceMetadata, authority } = options
  const { approvals = authority?.approvals, ...granting } = capabilities ?? {}
  return capabilityRules({
    ...granting,
    ...(approvals === undefined ? {} : { approvals: { ...approvals, store: replay } }),
    ...(clock === undefined ? {} : { clock }),
    ...(delegation === undefined ? {} : { resourceMetadata }),
  })
}

function createDelegation(options: DecidedOptions): Check<object, DelegationFacts> | undefined {
  const { delegation, keys, replay, resourceMetadata, authority } = options
  if (delegation === undefined) return undefined
  const { dpop, offline, issuers = [], ...rest } = delegation
  return delegationPart().verifyDelegation({
    // Who is suspended where keys come from, or limited, is so without a signature, too, and in the middle of a chain.
    ...(rest.agents === undefined ? { agents: keys, unknownAgents: 'accept' } : {}),
    ...(authority === undefined ? {} : { revocations: authority.revocations }),
    ...rest,
    issuers: [...(authority?.issuers ?? []), ...issuers],
    resourceMetadata,
    ...(dpop === undefined ? {} : { dpop: { ...dpop, store: replay } }),
    // One grammar of scopes for what is handed on and for what routes ask.
    ...(offline === undefined ? {} : { offline: { coversScope, ...offline } }),
  })
}

/** `req.agent.can`, which knows the rules of this service. */
function canWith(rules: CapabilityRules): (agent: AgentView) => AgentCan {
  return (agent) => (wanted, values) => can(agent, wanted, values, rules)
}

/** What stands behind the scopes of a route. */
interface RouteParts {
  readonly rules: CapabilityRules
  readonly risk: RiskCheck | undefined
  readonly policy: PolicyAsked | undefined
}

/** What a request uses and what it is about are known here: behaviour is looked at once more, and the request counts once. */
function requireWith<Handler>(
  compose: ComposeGuard<Handler>,
  { rules, risk, policy }: RouteParts,
): RequireScopes<Handler> {
  return (wanted, values, options) => {
    const capable = requireCapability(wanted, values, rulesOfRoute(rules, options))
    const route = options?.policy
    if (policy === undefined) {
      if (route === undefined) return risk === undefined ? compose(capable) : compose(capable, risk)
      throw new Misconfigured(
        'ERR_OPTION_MISSING',
        'what a route tells a policy needs the option policy of countermark',
      )
    }
    const asked = route === undefined ? policy : policy.for(route)
    return risk === undefined ? compose(capable, asked) : compose(capable, risk, asked)
  }
}

function rulesOfRoute(rules: CapabilityRules, options: RequireOptions = {}): CapabilityRules {
  requireKnownOptions('require', options, ['unapproved', 'policy'])
  const { unapproved } = options
  const { approvals } = rules
  if (unapproved === undefined || (unapproved === 'refused' && approvals === undefined)) return rules
  if (unapproved === 'refused' || (unapproved === 'filed' && approvals?.file !== undefined)) {
    return { ...rules, approvals: approvals && { ...approvals, unapproved } }
  }
  const fix = "pass 'refused', or 'filed' with authority: fromAuthority(url, { token, audience })"
  throw new Misconfigured('ERR_OPTION_MISSING', `unapproved of a route needs a way to the approver; ${fix}`)
}
