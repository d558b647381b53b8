import type { AdapterUnderTest, CreateAdapterChecks } from './adapter-under-test.ts'
import { describeAddresses, describeSourceLimit } from './addresses.ts'
import { describeAnswers } from './answers.ts'
import { describeBodies, describeParsers } from './bodies.ts'
import { describeBodyLimits } from './body-limits.ts'
import { describeConnections } from './connections.ts'
import { describeErrors } from './errors.ts'
import { describeFacts } from './facts.ts'
import { type StartGuardedApp, useGuardedApps } from './guarded-app.ts'
import { describeHiddenAgents, describeModes } from './modes.ts'
import { describeObservers } from './observers.ts'
import { describeOpenRequests } from './open-requests.ts'
import { describeRawRequests } from './raw-requests.ts'
import { describeRoutes } from './routes.ts'

/**
 * Holds an adapter to what all adapters promise, over real HTTP. Call it at the top of a Jest file.
 * @example
 * describeAdapter('Express 5', expressAdapter(express), createSignatureChecks)
 */
export function describeAdapter<Middleware>(
  name: string,
  adapter: AdapterUnderTest<Middleware>,
  createChecks: CreateAdapterChecks,
): void {
  const groups: readonly ((start: StartGuardedApp<Middleware>) => void)[] = [
    describeAnswers,
    describeFacts,
    describeModes,
    describeOpenRequests,
    describeErrors,
    describeObservers,
    describeRoutes,
    describeAddresses,
    describeBodies,
    describeBodyLimits,
    describeParsers,
    describeConnections,
    describeRawRequests,
    describeSourceLimit,
    describeHiddenAgents,
  ]
  describe(name, () => {
    const start = useGuardedApps(adapter, createChecks)
    for (const group of groups) group(start)
  })
}
