import type { AdapterUnderTest, CreateAdapterChecks } from './adapter-under-test.ts'
import { describeAddresses } from './describe-adapter-addresses.ts'
import { describeAnswers } from './describe-adapter-answers.ts'
import { describeBodies } from './describe-adapter-bodies.ts'
import { describeBodyLimits } from './describe-adapter-body-limits.ts'
import { describeConnections } from './describe-adapter-connections.ts'
import { describeErrors } from './describe-adapter-errors.ts'
import { describeFacts } from './describe-adapter-facts.ts'
import { describeHiddenAgents } from './describe-adapter-hidden-agents.ts'
import { describeModes } from './describe-adapter-modes.ts'
import { describeObservers } from './describe-adapter-observers.ts'
import { describeOpenRequests } from './describe-adapter-open.ts'
import { describeParsers } from './describe-adapter-parsers.ts'
import { describeRawRequests } from './describe-adapter-raw-requests.ts'
import { describeRoutes } from './describe-adapter-routes.ts'
import { describeSourceLimit } from './describe-adapter-source-limit.ts'
import { type StartGuardedApp, useGuardedApps } from './guarded-app.ts'

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
