import type { GuardOptions, KeySource, ReplayStore } from '@countermark/core'
import type { GuardFactory } from '@countermark/core/internal'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import type { AdapterUnderTest } from '@countermark/testing'
import type { Countermark, CountermarkOptions } from 'countermark/express'
import type { CreateAdapterChecks } from '../../packages/testing/src/adapters/adapter-under-test.ts'
import { createSignatureChecks } from './signature-checks.ts'

/** One of the two umbrella calls, as far as both take the same. */
export type Umbrella<Middleware> = (
  options: CountermarkOptions & { readonly respond?: 'problem' },
) => Countermark<Middleware>

/** A framework behind the umbrella. */
export interface UmbrellaUnderTest<Middleware> {
  /** For the shared suite: a guard of the suite's two checks is the umbrella's middleware. */
  readonly adapter: AdapterUnderTest<Middleware>
  readonly createChecks: CreateAdapterChecks
  /** Makes an umbrella that knows the agent of the application that is started next. */
  readonly createAgents: (options?: Partial<CountermarkOptions>) => Countermark<Middleware>
}

/** Puts a framework's umbrella under test. */
export function umbrellaUnderTest<Middleware>(
  adapter: AdapterUnderTest<Middleware>,
  countermark: Umbrella<Middleware>,
): UmbrellaUnderTest<Middleware> {
  // The suite makes checks, which know keys, after guards: both are looked up when a request comes.
  let known: { readonly keys: KeySource; readonly replay: ReplayStore; readonly checks: readonly unknown[] } | undefined
  const current = (): NonNullable<typeof known> => {
    if (known === undefined) throw new Error('the suite makes its checks before requests come')
    return known
  }
  const keys: KeySource = { name: 'late', findKeys: (...asked) => current().keys.findKeys(...asked) }
  const replay: ReplayStore = {
    name: 'memory',
    claim: (...claim) => current().replay.claim(...claim),
    issueNonce: (environment) => current().replay.issueNonce(environment),
  }
  const createAgents = (options: Partial<CountermarkOptions> = {}): Countermark<Middleware> =>
    countermark({ origins: ['api.example.com'], keys, replay, ...options })
  const createGuard = (options: GuardOptions): GuardFactory<Middleware> => {
    const { view: _ours, ...shared } = options
    const agents = createAgents(shared)
    const isIdentification = (checks: readonly unknown[]): boolean =>
      checks.length === 2 && checks.every((check, index) => check === current().checks[index])
    type Compose = (...checks: readonly unknown[]) => Middleware
    const choose = (identify: Middleware, compose: Compose): Compose => {
      return (...checks) => (isIdentification(checks) ? identify : compose(...checks))
    }
    const withOptions: GuardFactory<Middleware>['with'] = (route) =>
      choose(agents.with(route), agents.guard.with(route) as Compose)
    return Object.assign(choose(agents, agents.guard as Compose), {
      with: withOptions,
      environment: agents.guard.environment,
    })
  }
  const createChecks: CreateAdapterChecks = (agentKeys) => {
    const checks = { ...createSignatureChecks(agentKeys), once: preventReplay({ store: replay }) }
    known = { keys: agentKeys, replay: memoryReplayStore({ startedAt: 0 }), checks: [checks.verify, checks.once] }
    return checks
  }
  return { adapter: { ...adapter, createGuard }, createChecks, createAgents }
}
