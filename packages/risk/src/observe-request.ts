import type { AgentFact, AgentRequest, CapabilityFact, DelegationFact, ProofFact } from '@countermark/core'
import { assessedAs } from './assessed-as.ts'
import type { Observation } from './observation.ts'
import { hashText, type PathShape, readPath } from './sketch/hash.ts'

/** What must be known before, and what counts where it is known. */
export interface RiskCaller {
  /** Who calls. */
  readonly agent: AgentFact
  /** What the caller's key signed. */
  readonly proof?: ProofFact | undefined
  /** For whom the caller acts. */
  readonly delegation?: DelegationFact | undefined
  /** What the request uses. */
  readonly capability?: CapabilityFact | undefined
}

/** What is told of a request besides. */
export interface Told {
  readonly atMs: number
  readonly isReading: boolean
  readonly amount: number
  readonly isRepeated: boolean
  readonly hadTurn: boolean
  readonly honeyScopes: ReadonlySet<string>
}

/** Makes observations of requests. */
export type ObserveRequest = (request: AgentRequest, caller: RiskCaller, told: Told) => Observation

/** Makes what observes requests. */
export function createObserver(): ObserveRequest {
  const shape: PathShape = { route: 0, resource: 0, resourceNumber: -1 }
  return (
    request,
    { agent, proof, delegation, capability },
    { atMs, isReading, amount, isRepeated, hadTurn, honeyScopes },
  ) => {
    readPath(request.method, request.path, shape)
    const { route, resource, resourceNumber } = shape
    return {
      agentId: assessedAs(agent) ?? agent.id,
      atMs,
      isSafe: isReading,
      route,
      resource,
      resourceNumber,
      user: delegation === undefined ? 0 : hashText(delegation.subject, hashText(delegation.issuer)),
      key: proof === undefined ? 0 : hashText(proof.thumbprint),
      capability: capability === undefined ? 0 : hashOfScopes(capability),
      amount,
      address: request.remoteAddress,
      isHoney: capability !== undefined && honeyScopes.size > 0 && usesHoney(capability, honeyScopes),
      isRepeated,
      hadTurn,
    }
  }
}

/** As routes declare them: `dns:{zone}:write` is one capability, whatever the zone. */
function hashOfScopes({ declared, used }: CapabilityFact): number {
  let hash = 1
  for (const scope of declared ?? used) hash = hashText(scope, hash)
  return hash
}

function usesHoney({ used, declared = [] }: CapabilityFact, honeyScopes: ReadonlySet<string>): boolean {
  return used.some((scope) => honeyScopes.has(scope)) || declared.some((scope) => honeyScopes.has(scope))
}
