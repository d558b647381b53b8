import type { CredentialScheme } from './credential-scheme.ts'
import type { Clock, Environment } from './environment.ts'
import type { Facts } from './facts.ts'
import type { HeaderField } from './header-fields.ts'
import type { JsonValue } from './internal/canonical-json.ts'
import { isFrameworkCall, Misconfigured, mountedWrongly } from './misconfigured.ts'
import type { Refusal } from './refusal/refusal.ts'
import type { ResourceMetadata } from './refusal/resource-metadata.ts'
import type { AgentRequest } from './request.ts'
import type { MetricRow } from './seams/metric-row.ts'
import type { ReplayStore } from './seams/replay-store.ts'

/** What a check needs to write its challenges. */
export interface ChallengeContext {
  readonly refusal: Refusal
  readonly request: AgentRequest
  readonly environment: Environment
  /** A nonce worth signing, when a check of this guard issues nonces. */
  readonly nonce: string | undefined
}

/** What the guard knows about a check besides its function. */
export interface CheckDescription {
  /** The value of the `check` label in metrics. */
  readonly name: string
  /** Names of facts that must exist before. */
  readonly needs: readonly string[]
  /** Names of facts that exist after. */
  readonly adds: readonly string[]
  /** How it was set up, as far as that is no secret: part of the guard's `configuration` hash. */
  readonly settings?: Readonly<Record<string, JsonValue>>
  /** The kinds of credentials that it verifies, where they are not of this repository. @default none */
  readonly credentials?: readonly CredentialScheme[]
  /** Header fields for a refusal of this guard, whichever check refused. */
  readonly challenge?: (context: ChallengeContext) => readonly HeaderField[]
  /**
   * What the challenge depends on besides the nonce, the code and credential of the refusal, and the origin that was asked:
   * refusals of which this says the same get the same challenge, which is then written once. Not asked about refusals with
   * hints. `undefined` for a challenge of its own. @default every refusal gets one of its own
   */
  readonly challengeKind?: (refusal: Refusal, request: AgentRequest) => string | undefined
  /** A nonce that this check will recognise. */
  readonly issueNonce?: (environment: Environment) => string | undefined
  /**
   * Header fields for the answer to a request that its guard lets pass; the application may replace them. Not asked where the
   * guard observes: observing changes no answer. @default none
   */
  readonly announce?: (facts: Readonly<Partial<Facts>>) => readonly HeaderField[]
  /** What the check accepts, as members of the service's RFC 9728 document. */
  readonly metadata?: ResourceMetadata
  /** What it reports, and what the sources and stores report that it uses. @default nothing */
  readonly metrics?: readonly MetricRow[]
  /** Where it claims nonces: guards of one factory that claim in different ones are warned of. @default it claims none */
  readonly replayStore?: ReplayStore
  /** Looks at the whole guard when it is composed. @throws Misconfigured */
  readonly inspect?: (guard: GuardDescription) => void
}

/** A guard as its checks see it when it is composed. */
export interface GuardDescription {
  readonly checks: readonly CheckDescription[]
  /** The clock of the guard, for stores that were given none. */
  readonly clock?: Clock
}

/**
 * Returns the facts it adds, or throws a `Refusal` or `Unavailable`. Stays synchronous when it can. The first
 * type parameter is what must be known before, the second what is known after.
 */
export interface Check<Needs extends object = object, Adds extends object = object> {
  (request: AgentRequest, facts: Needs, environment: Environment): Adds | Promise<Adds>
  /** What the check says of itself: for start-up rules, metrics and published metadata. */
  readonly description?: CheckDescription
}

/**
 * Makes a check of a function and what a guard must know about it.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function defineCheck<Needs extends object, Adds extends object>(
  description: CheckDescription,
  run: (request: AgentRequest, facts: Needs, environment: Environment) => Adds | Promise<Adds>,
): Check<Needs, Adds> {
  requireDescription(description)
  const { name } = description
  // A function of its own: one that is given twice must not keep the second description for both.
  const check: Check<Needs, Adds> = (request, facts, environment) => {
    if (isFrameworkCall(request)) throw mountedWrongly(`${name}(…)`, `app.use(guard(${name}(…)))`)
    return run(request, facts, environment)
  }
  RUNS.set(check, run)
  return Object.assign(check, { description })
}

/** By identity: what wraps a check, or copies its members, is a check of its own. */
const RUNS = new WeakMap<object, unknown>()

/** What a guard, which is no framework, calls in place of a check. */
export function runOf(check: Check): Check {
  return (RUNS.get(check) as Check | undefined) ?? check
}

function requireDescription({ name, needs, adds }: CheckDescription): void {
  if (typeof name === 'string' && name !== '' && Array.isArray(needs) && Array.isArray(adds)) return
  throw new Misconfigured('ERR_OPTION_INVALID', 'a check has a name, the facts it needs and the facts it adds')
}
