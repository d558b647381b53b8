import type { ApiKeysOptions } from '@countermark/api-keys'
import type { AuditTrailOptions } from '@countermark/audit'
import type { ApprovalOptions, CapabilityRulesOptions } from '@countermark/capability'
import {
  type GuardOptions,
  type KeySource,
  Misconfigured,
  type ReplayStore,
  requireKnownOptions,
} from '@countermark/core'
import {
  GUARD_OPTIONS,
  isFrameworkCall,
  mountedWrongly,
  renameOrigins,
  requireObject,
} from '@countermark/core/internal'
import type { DpopOptions, VerifyDelegationOptions } from '@countermark/delegation'
import type { PrometheusMetricsOptions } from '@countermark/metrics'
import type { PreventReplayOptions } from '@countermark/replay'
import type { AssessRiskOptions, RiskCheck } from '@countermark/risk'
import type { VerifySignatureOptions } from '@countermark/signature'
import type { AuthorityLink } from './from-authority/from-authority.ts'
import type { PolicyOption } from './policy-part.ts'

/** Which signatures count. */
export type SignatureOptions = Pick<VerifySignatureOptions, 'accept' | 'algorithms' | 'queue'>

/** For whom agents act. DPoP proofs are remembered where signatures are. */
export interface DelegationOptions extends Omit<VerifyDelegationOptions, 'resourceMetadata' | 'dpop' | 'issuers'> {
  /** Whose tokens count, besides those of `authority`. Required without it. */
  readonly issuers?: VerifyDelegationOptions['issuers']
  /** Take DPoP proofs. @default tokens bound by `jkt` are refused */
  readonly dpop?: Omit<DpopOptions, 'store'>
}

/** What all routes share: see `capabilityRules` of @countermark/capability. */
export interface CapabilityOptions extends Omit<CapabilityRulesOptions, 'clock' | 'resourceMetadata' | 'approvals'> {
  /** Who approves. Used tickets are remembered where signatures are. @default what needs approval is refused */
  readonly approvals?: Omit<ApprovalOptions, 'store'>
}

/** What the service says of itself besides what its checks accept (RFC 9728 section 2). */
export interface MetadataOptions {
  /** Scopes that no route asks for by name, such as `dns:*:write` where routes ask for `dns:{zone}:write`. @default [] */
  readonly scopes?: readonly string[]
  /** For people. */
  readonly name?: string
  /** URL of a page for developers. */
  readonly documentation?: string
  /** URL of a page about how data may be used. */
  readonly policy?: string
  /** URL of the terms of service. */
  readonly termsOfService?: string
}

/** Options of `countermark`: two are required, and those of `createGuard` may stand among them. */
export interface CountermarkOptions extends Omit<GuardOptions, 'view' | 'onCompose'> {
  /** Where agents' public keys come from, such as `registry(url)` or `staticKeys([…])`. @default those of `authority`; required without it */
  readonly keys?: KeySource
  /** Keys, issuers and stops of an authority: `fromAuthority(url)`. @default none */
  readonly authority?: AuthorityLink
  /**
   * Where used requests are remembered: `redisReplayStore({ client })` where several processes serve.
   * @default `memoryReplayStore()`, which refuses to start in production
   */
  readonly replay?: ReplayStore
  /** What happens when that store cannot answer. @default 'refuse' */
  readonly onStoreUnavailable?: NonNullable<PreventReplayOptions['onStoreUnavailable']>
  /** @default RFC 9421 and the simple form, version 1 */
  readonly signatures?: SignatureOptions
  /** Asks every request for a token. @default agents act for themselves */
  readonly delegation?: DelegationOptions
  /**
   * Takes API keys of callers that do not sign yet, until a day that answers announce; `agents` is `keys` unless it is given.
   * A signature decides where there is one. @default none is taken
   */
  readonly apiKeys?: ApiKeysOptions
  /** @default scopes of tokens and registry, without budgets and approvals */
  readonly capabilities?: CapabilityOptions
  /**
   * Slows, limits or stops agents that do what they never did: options of `assessRisk`, or what it returned, whose `review` is then at
   * hand. Callers with API keys are assessed apart, as `api-key:` and their id. What needs a person's consent at level `approval` is asked of
   * `capabilities.approvals`; changes of level go into the trail and to event streams. @default not assessed
   */
  readonly risk?: AssessRiskOptions | RiskCheck
  /**
   * Asks your own policy engine at each `require`: what `consultPolicy` of @countermark/policy returned, one of its engines, such as
   * `opa({ url })`, or a function. Routes without `require` are not asked about: guard them by `agents.guard(policy)`. @default not asked
   */
  readonly policy?: PolicyOption
  /** Who this service is to issuers of tokens (RFC 9728 section 1.2), where it is not a whole origin. @default the origin that is called */
  readonly resource?: string
  /** @default nothing besides what the checks accept */
  readonly metadata?: MetadataOptions
  /** Counts decisions for Prometheus; `true` in the global register of prom-client. Needs prom-client. @default not counted */
  readonly metrics?: true | PrometheusMetricsOptions
  /** Records decisions in a tamper-evident trail: the path of a file, or the options of `auditTrail`. @default not recorded */
  readonly audit?: string | AuditTrailOptions
}

type OwnOption = Exclude<keyof CountermarkOptions, keyof GuardOptions>

/** The options of `countermark` itself, each with what is decided here and must not be said in it a second time. */
const OWN: Readonly<Record<OwnOption, readonly string[]>> = {
  keys: [],
  authority: [],
  replay: [],
  onStoreUnavailable: [],
  signatures: ['keys', 'replay'],
  delegation: ['resourceMetadata', 'dpop.store'],
  apiKeys: [],
  risk: [],
  policy: [],
  capabilities: ['clock', 'resourceMetadata', 'approvals.store'],
  resource: [],
  metadata: [],
  metrics: [],
  audit: [],
}

/**
 * Refuses misspelt options, missing ones, and those that would contradict others. What is in them is judged by the parts.
 * `adapterOptions` belong to the framework.
 * @throws {@link Misconfigured} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`
 */
export function requireCountermarkOptions<Options extends CountermarkOptions>(
  given: Options,
  adapterOptions: readonly string[],
): Options {
  if (isFrameworkCall(given)) {
    throw mountedWrongly('countermark', 'app.use(countermark({ origins, keys }))')
  }
  const options = renameOrigins(given)
  const guardOptions = GUARD_OPTIONS.filter((name) => name !== 'view' && name !== 'onCompose')
  requireKnownOptions('countermark', options, [...Object.keys(OWN), ...guardOptions, ...adapterOptions])
  const { replay, recorder, audit, authority } = options
  if (authority !== undefined && typeof authority?.keys?.findKeys !== 'function') {
    const hint = 'authority must be fromAuthority(url); the hosts of this server stand in origins'
    throw new Misconfigured('ERR_OPTION_INVALID', hint)
  }
  if (replay !== undefined && typeof replay?.claim !== 'function') {
    const hint = 'replay must be a store: memoryReplayStore() or redisReplayStore({ client })'
    throw new Misconfigured('ERR_OPTION_INVALID', hint)
  }
  if (recorder !== undefined && audit !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'give either audit or recorder: both say what records')
  }
  for (const [name, decided] of Object.entries(OWN)) {
    for (const path of decided) refuseDecided(name, Reflect.get<object, string>(options, name), path)
  }
  return options
}

function refuseDecided(name: string, given: object | undefined, path: string): void {
  if (given === undefined) return
  requireObject(name, given)
  const [member = '', inner] = path.split('.')
  if (inner !== undefined) refuseDecided(`${name}.${member}`, Reflect.get(given, member), inner)
  else if (Object.hasOwn(given, member)) {
    throw new Misconfigured('ERR_OPTION_UNKNOWN', `countermark decides ${name}.${member} itself: leave it out`)
  }
}
