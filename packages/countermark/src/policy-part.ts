import { type AgentRequest, type Check, type Facts, isMisconfigured, Misconfigured } from '@countermark/core'
import type { JsonValue } from '@countermark/core/internal'
import type * as Policy from '@countermark/policy'
import { onFirstUse } from './on-first-use.ts'

type Told<Value> = Value | ((request: AgentRequest, caller: PolicyCaller) => Value | Promise<Value>)

/** What is known of a caller when a policy is asked. */
interface PolicyCaller extends Pick<Facts, 'agent'> {
  readonly delegation?: Facts['delegation'] | undefined
  readonly capability?: Facts['capability'] | undefined
}

/** What a route tells a policy of itself: see `PolicyRoute` of @countermark/policy, which need not be installed otherwise. */
export interface PolicyOfRoute {
  /** What the route does: `pr.create`. @default the scopes that it requires */
  readonly action?: Told<string>
  /** To what. @default `{ path, route, parameters }` */
  readonly resource?: Told<Readonly<Record<string, JsonValue>>>
  /** Values that obligations may limit. @default none */
  readonly arguments?: (request: AgentRequest, caller: PolicyCaller) => PolicyValues
  /** More of `context`. @default nothing more */
  readonly context?: (request: AgentRequest, caller: PolicyCaller) => PolicyValues
}

type PolicyValues = Readonly<Record<string, JsonValue>> | Promise<Readonly<Record<string, JsonValue>>>

/** What `consultPolicy` of @countermark/policy returns, as far as it matters here. */
export interface PolicyAsked extends Check<Pick<Facts, 'agent'>, Pick<Facts, 'policy'>> {
  /** The same for a route that says what it does. */
  readonly for: (route: PolicyOfRoute) => Check<Pick<Facts, 'agent'>, Pick<Facts, 'policy'>>
}

/** An engine of @countermark/policy, as far as it matters here. */
export interface PolicyEngineGiven {
  /** The value of the label `engine` in metrics. */
  readonly name: string
  /** Answers a question. */
  readonly decide: (...given: never) => unknown
}

/** Who decides besides us. */
export type PolicyOption = PolicyAsked | PolicyEngineGiven | ((...given: never) => unknown)

const load: () => typeof Policy = onFirstUse({
  name: '@countermark/policy',
  required: () => require('@countermark/policy'),
  place: import.meta.url,
})

/**
 * What asks the policy of an application.
 * @throws Misconfigured `ERR_DEPENDENCY_MISSING` without @countermark/policy, `ERR_OPTION_INVALID`
 */
export function readPolicy(given: PolicyOption | undefined): PolicyAsked | undefined {
  if (given === undefined || isAsked(given)) return given
  return loadPolicy().consultPolicy(given as Parameters<typeof Policy.consultPolicy>[0])
}

function isAsked(given: PolicyOption): given is PolicyAsked {
  return typeof given === 'function' && 'for' in given && 'description' in given
}

function loadPolicy(): typeof Policy {
  try {
    return load()
  } catch (error) {
    const { code, message } = Object(error)
    if (isMisconfigured(error) || code !== 'MODULE_NOT_FOUND' || !String(message).includes('@countermark/policy'))
      throw error
    throw new Misconfigured(
      'ERR_DEPENDENCY_MISSING',
      'policies need @countermark/policy: npm install @countermark/policy',
    )
  }
}
