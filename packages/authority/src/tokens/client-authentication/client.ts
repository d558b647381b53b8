import type { AgentKey, AgentRecord } from '@countermark/core'
import { OAuthError } from '../oauth-error.ts'

/** An agent that proved who it is to the token endpoint. */
export interface AgentClient {
  readonly kind: 'agent'
  readonly id: string
  readonly record: AgentRecord
  /** What it proved itself with. */
  readonly key: AgentKey
  readonly method: 'private_key_jwt' | 'http_message_signature'
}

/** A service that asks about tokens. */
export interface ServiceClient {
  readonly kind: 'service'
  readonly id: string
  /** What tokens for it name. */
  readonly audience: string
  readonly method: 'client_secret_basic' | 'client_secret_post'
}

/**
 * The client, when it is an agent.
 * @throws OAuthError `unauthorized_client`
 */
export function requireAgent(client: AgentClient | ServiceClient): AgentClient {
  if (client.kind === 'agent') return client
  throw new OAuthError('unauthorized_client', 'tokens are issued to agents')
}

/**
 * Refuses an agent that is not active: a suspended one gets nothing.
 * @throws OAuthError `invalid_client`
 */
export function requireActive(record: AgentRecord): void {
  if (record.state === 'active') return
  throw new OAuthError('invalid_client', 'the agent is not active')
}
