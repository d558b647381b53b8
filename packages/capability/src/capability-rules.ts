import {
  type AgentFact,
  type AgentRequest,
  type CapabilityFact,
  type Clock,
  type DelegationFact,
  Misconfigured,
} from '@countermark/core'
import {
  custom,
  isRehearsal,
  methods,
  optionTable,
  requireMetadataPlace,
  requireObject,
  requireStrings,
  strings,
  systemClock,
  word,
} from '@countermark/core/internal'
import { APPROVALS, type ApprovalOptions, type ApprovalRules } from './approvals/approval-rules.ts'
import { compileBlocks } from './blocks/compile-block.ts'
import type { CapabilityBlock } from './blocks/load-capability-block.ts'
import type { BudgetStore } from './budgets/budget-store.ts'
import { CONSTRAINTS } from './constraints/constraint-table.ts'
import { createZoneClock } from './constraints/times.ts'
import { createGrantFinder, type FindGrants, type GrantRules } from './grants.ts'
import { createScopeReader } from './scopes/granted-scopes.ts'
import { ACTION_FIRST, compileAliases, type ScopeAliases } from './scopes/scope-aliases.ts'

/** By what a constraint of the application is checked. */
export interface HostConstraintInput {
  /** What the grant says, such as `true` for `assigned_tickets_only`. */
  readonly limit: unknown
  /** The scope that is required, parameters filled in. */
  readonly scope: string
  readonly agent: AgentFact
  readonly delegation: DelegationFact | undefined
  /** `undefined` when a handler asks by `can`. */
  readonly request: AgentRequest | undefined
  /** A value that the route declares; `undefined` when it, or this request, has none. */
  readonly argument: (name: string) => unknown
}

/** Checks a constraint that only the application understands. Only `true` lets pass. */
export type HostConstraint = (input: HostConstraintInput) => boolean | Promise<boolean>

/** Options of {@link capabilityRules}. */
export interface CapabilityRulesOptions {
  /** Other names of scopes. @default {@link ACTION_FIRST} */
  readonly aliases?: ScopeAliases
  /**
   * Whether a token is cut to what registry and blocks say of the agent. `stated`: where they say something; `required`:
   * an agent of which they say nothing may do nothing; `off`: only without a token. @default 'stated'
   */
  readonly ceiling?: 'stated' | 'required' | 'off'
  /** The scopes that the registry's `role:NAME` means. @default no roles */
  readonly roles?: Readonly<Record<string, readonly string[]>>
  /** What owners wrote down of their agents: see `loadCapabilityBlock`. @default none */
  readonly blocks?: readonly CapabilityBlock[]
  /** Constraints that the application checks, by name. @default none */
  readonly constraints?: Readonly<Record<string, HostConstraint>>
  /** Types of `authorization_details` that are not about this service. Every other unknown one refuses. @default none */
  readonly ignoredDetailTypes?: readonly string[]
  /** Counts budgets. Without it, a grant with a budget is refused with `config_error`. */
  readonly budgets?: BudgetStore
  /** Who approves, and how tickets are verified. Without it, what needs approval is refused. */
  readonly approvals?: ApprovalOptions
  /** URL of the RFC 9728 metadata, or its path on each of our origins; says that tokens are taken here, also where no guard before has seen one. */
  readonly resourceMetadata?: string
  /** For `can`; checks use the guard's. @default the machine's clock */
  readonly clock?: Clock
}

/** What all routes of a service share. */
export interface CapabilityRules extends GrantRules {
  /** Constraints of your own, by key. */
  readonly hostConstraints: ReadonlyMap<string, HostConstraint>
  /** Counts budgets, if anything does. */
  readonly budgets: BudgetStore | undefined
  /** Who approves, and how tickets are verified. */
  readonly approvals: ApprovalRules | undefined
  /** Requests whose ticket was claimed, and by whom it is: one ticket is for a whole request. */
  readonly approved: WeakMap<object, NonNullable<CapabilityFact['approval']>>
  /** Place of the RFC 9728 metadata. */
  readonly resourceMetadata: string | undefined
  /** Tells the time to `can`. */
  readonly clock: Clock
  /** Finds what a caller was granted. */
  readonly findGrants: FindGrants
  /** A command only asks: budgets are given back at once, and tickets stay unused. */
  readonly isRehearsal: boolean
}

const OPTIONS = optionTable('capabilityRules', {
  aliases: custom((_, given = ACTION_FIRST) => compileAliases(given as ScopeAliases)),
  ceiling: word(['stated', 'required', 'off'], 'stated'),
  roles: custom((_, given = {}) => readRoles(given as NonNullable<CapabilityRulesOptions['roles']>)),
  blocks: custom((_, given = []) => given as readonly CapabilityBlock[]),
  constraints: custom((_, given = {}) => readHostConstraints(given as Readonly<Record<string, HostConstraint>>)),
  ignoredDetailTypes: strings([]),
  budgets: methods<BudgetStore>(['reserve']),
  approvals: APPROVALS,
  resourceMetadata: custom((name, given) => requireMetadataPlace(name, given as string | undefined)),
  clock: methods<Clock>(['wallMs']),
})

/**
 * Says once what all routes share.
 * @throws {@link Misconfigured}
 * @example
 * const rules = capabilityRules({ budgets: memoryBudgets(), constraints: { own_tickets: ({ argument }) => … } })
 */
export function capabilityRules(options: CapabilityRulesOptions = {}): CapabilityRules {
  const settings = OPTIONS.read(options)
  const { aliases: rename, roles, constraints: hostConstraints, budgets, approvals, resourceMetadata } = settings
  const readRegistered = createScopeReader(rename, roles)
  const hostNames = new Set(hostConstraints.keys())
  return {
    rename,
    readScopes: createScopeReader(rename),
    readRegistered,
    ceiling: settings.ceiling,
    blocks: compileBlocks(settings.blocks, { rename, readRegistered, hostNames }),
    hostConstraints,
    hostNames,
    ignoredDetailTypes: new Set(settings.ignoredDetailTypes),
    budgets,
    approvals,
    approved: new WeakMap(),
    resourceMetadata,
    clock: settings.clock ?? systemClock,
    zoneClock: createZoneClock(),
    findGrants: createGrantFinder(),
    isRehearsal: isRehearsal(),
  }
}

function readRoles(roles: NonNullable<CapabilityRulesOptions['roles']>): ReadonlyMap<string, readonly string[]> {
  requireObject('roles', roles)
  return new Map(
    Object.entries(roles).map(([name, scopes]) => [`role:${name}`, requireStrings(`roles.${name}`, scopes)]),
  )
}

function readHostConstraints(given: Readonly<Record<string, HostConstraint>>): ReadonlyMap<string, HostConstraint> {
  requireObject('constraints', given)
  for (const [name, check] of Object.entries(given)) {
    if (CONSTRAINTS.has(name)) throw new Misconfigured('ERR_OPTION_INVALID', `constraints must not redefine ${name}`)
    if (typeof check === 'function' && /^[a-z][a-z0-9_]{0,63}$/.test(name)) continue
    throw new Misconfigured('ERR_OPTION_INVALID', 'constraints maps names in snake_case to functions')
  }
  return new Map(Object.entries(given))
}
