import { type Environment, isRefusal, type KeySource, type ReplayStore } from '@countermark/core'
import { preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import { requireActive } from './client.ts'
import type { VerifySignedRequest } from './client-rules.ts'

/** What requests are verified with. */
interface SignedRequestRules {
  readonly agents: KeySource
  readonly replay: ReplayStore
  readonly environment: Environment
}

/** Makes the check of requests that are signed as every request of an agent is (docs/agents.md). */
export function createSignedRequestCheck({ agents, replay, environment }: SignedRequestRules): VerifySignedRequest {
  const verify = verifySignature({ keys: agents, replay: 'elsewhere' })
  const claim = preventReplay({ store: replay })
  return async (request, form) => {
    try {
      const facts = await verify(request, {}, environment)
      const { agent, proof } = facts
      const clientId = form.find('client_id')
      if (clientId !== undefined && clientId !== agent.id) {
        throw new OAuthError('invalid_client', 'the request must be signed by the client that client_id names')
      }
      requireActive(agent.record)
      await claim(request, facts, environment)
      const keys = await agents.findKeys({ agentId: agent.id, keyId: proof.keyId, isAgentCovered: true }, environment)
      const key = keys.find(({ thumbprint }) => thumbprint === proof.thumbprint)
      if (key === undefined) throw new OAuthError('invalid_client', 'the key is no longer known')
      return { kind: 'agent', id: agent.id, record: agent.record, key, method: 'http_message_signature' }
    } catch (error) {
      if (isRefusal(error) || error instanceof OAuthError) throw toOAuthError(error, 'invalid_client')
      throw error
    }
  }
}
