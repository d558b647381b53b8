import { type AgentKey, type AgentRequest, type Environment, isRefusal, type KeySource } from '@countermark/core'
import { agentKeyOf, createFakeClock, createTestAgent, createTestEnvironment, keySourceOf } from '@countermark/testing'
import type { SignatureFacts, SignatureScheme } from '../src/signature-scheme.ts'
import { verifySignature } from '../src/verify-signature.ts'

/** Judges requests by one form of signature. */
export interface SimpleJudge {
  readonly judge: (request: AgentRequest) => SignatureFacts | Promise<SignatureFacts>
  /** The code of the refusal, or `accepted`. */
  readonly codeOf: (request: AgentRequest) => Promise<string>
}

/** Creates a judge that knows the given keys. */
export function createSimpleJudge(scheme: SignatureScheme, keys: KeySource, environment: Environment): SimpleJudge {
  const check = verifySignature({ keys, accept: [scheme], replay: 'elsewhere' })
  const judge: SimpleJudge['judge'] = (request) => check(request, {}, environment)
  return {
    judge,
    codeOf: async (request) => {
      try {
        await judge(request)
        return 'accepted'
      } catch (error) {
        if (isRefusal(error)) return error.code
        throw error
      }
    },
  }
}

/** An agent, its key as a registry knows it, and everything to judge it with. */
export async function aScene(scheme: SignatureScheme, change: Partial<AgentKey> = {}) {
  const clock = createFakeClock()
  const environment = createTestEnvironment({ clock })
  const agent = await createTestAgent({ agentId: 'agt_buyer', clock })
  const agentKey = agentKeyOf(agent, change)
  return { clock, environment, agent, agentKey, ...createSimpleJudge(scheme, keySourceOf(agentKey), environment) }
}
