import { type Check, Misconfigured } from '@countermark/core'
import { callback, custom, flag, isJsonObject, number, optionTable, word } from '@countermark/core/internal'
import type { PolicyEngine, PolicyFunction } from './engines/engine.ts'
import type { PolicyRoute } from './input/policy-input.ts'

/** Options of {@link consultPolicy}. */
export interface ConsultPolicyOptions extends PolicyRoute {
  /** How long a request waits for an engine elsewhere. Milliseconds. @default 100 */
  readonly timeoutMs?: number
  /** What happens without an answer. There is no other word: a policy that cannot be asked allows nothing. @default 'refuse' */
  readonly onUnavailable?: 'refuse'
  /** A check of yours that asks for a person's consent where the policy does. @default the approval that the request used, or none */
  readonly approval?: Check
  /** How many answers are remembered that say how long they hold; 0 for none. @default 1_000 */
  readonly cacheEntries?: number
  /** Keeps the whole question in the audit trail, erasable, so that `plan` can ask it again. It may name people. @default false */
  readonly keepQuestion?: boolean
}

type RouteOption = keyof PolicyRoute

const ROUTE = {
  action: custom((_, given) => requireWords(given)),
  resource: custom((_, given) => requireRecord(given)),
  arguments: callback<NonNullable<PolicyRoute['arguments']>>(),
  context: callback<NonNullable<PolicyRoute['context']>>(),
}

const OPTIONS = optionTable('consultPolicy', {
  ...ROUTE,
  timeoutMs: number({ min: 1, max: 10_000, default: 100 }),
  onUnavailable: word(['refuse'], 'refuse'),
  approval: callback<Check>(),
  cacheEntries: number({ min: 0, max: 1_000_000, default: 1_000 }),
  keepQuestion: flag(false),
})

const ROUTE_OPTIONS = optionTable('policy.for', ROUTE)

/** The options after validation. */
export interface PolicySettings extends PolicyRoute {
  readonly timeoutMs: number
  readonly cacheEntries: number
  readonly keepQuestion: boolean
  readonly approval: Check | undefined
}

/**
 * Reads the options of the check.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function readPolicyOptions(options: ConsultPolicyOptions): PolicySettings {
  const { onUnavailable: _, action, resource, arguments: values, context, ...rest } = OPTIONS.read(options)
  return { ...rest, ...routeOf({ action, resource, arguments: values, context }) }
}

/**
 * Reads what one route says of itself.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function readPolicyRoute(route: PolicyRoute): PolicyRoute {
  return routeOf(ROUTE_OPTIONS.read(route))
}

function routeOf(route: { readonly [Name in RouteOption]: PolicyRoute[Name] | undefined }): PolicyRoute {
  return Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined))
}

function requireWords(given: unknown): PolicyRoute['action'] {
  if (given === undefined || typeof given === 'function') return given as PolicyRoute['action']
  if (typeof given === 'string' && given !== '') return given
  throw invalid('action must be a text, or a function that says what a request does')
}

function requireRecord(given: unknown): PolicyRoute['resource'] {
  if (given === undefined || typeof given === 'function') return given as PolicyRoute['resource']
  if (isJsonObject(given)) return given as PolicyRoute['resource']
  throw invalid('resource must be an object, or a function that says what a request is about')
}

/**
 * An engine, also where it was given as a function.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function requireEngine(given: PolicyEngine | PolicyFunction): PolicyEngine {
  if (typeof given === 'function') return { name: 'function', decide: given }
  if (typeof given === 'object' && given !== null && typeof given.decide === 'function') {
    if (typeof given.name === 'string' && /^[a-z][a-z0-9_-]{0,31}$/.test(given.name)) return given
    throw invalid('the name of a policy engine is a short word in small letters')
  }
  throw invalid('consultPolicy takes an engine first, such as opa({ url }) or a function')
}

function invalid(message: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', message)
}
