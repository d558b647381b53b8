import { createPrivateKey, type KeyObject } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { type DelegateOfflineOptions, delegateOffline } from '@countermark/delegation'
import { createTestAgent, type TestAgent } from '@countermark/testing'
import type { KeyRegistry } from './key-registry.ts'

/** An agent that is given tokens. As a test agent it can also do what no honest client does. */
export interface Delegate extends TestAgent {
  readonly key: KeyObject
  /** The client that a real agent installs, with this token. */
  readonly fetchWith: (token: string) => typeof fetch
  /** Hands part of its token on to another agent, without asking anybody. */
  readonly handOn: (
    token: string,
    to: TestAgent,
    part: Pick<DelegateOfflineOptions, 'scopes' | 'maxDepth' | 'lifetimeSeconds' | 'authorizationDetails'>,
  ) => Promise<string>
}

/** Creates an agent and registers its key. */
export async function createDelegate(
  agentId: string,
  { keys, origins }: { readonly keys: KeyRegistry; readonly origins: readonly string[] },
): Promise<Delegate> {
  const agent = await createTestAgent({ agentId })
  const { keyId, publicJwk, privateJwk } = agent
  const key = createPrivateKey({ key: privateJwk, format: 'jwk' })
  keys.put(agentId, { keyId, jwk: publicJwk })
  return {
    ...agent,
    key,
    fetchWith: (token) => createAgentFetch({ agentId, key, keyId, origins, authorization: `Bearer ${token}` }),
    handOn: (token, to, part) =>
      delegateOffline({ token, key, to: { agentId: to.agentId, key: to.publicJwk }, ...part }),
  }
}
