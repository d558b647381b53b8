import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  type AgentFetchSettings,
  createAgentFetch,
  type HandOnSettings,
  handOn,
  type RefreshTokenSettings,
  refreshToken,
  type TokenExchangeSettings,
  type TokenSource,
  tokenExchange,
} from '@countermark/client'
import { type DelegateOfflineOptions, delegateOffline } from '@countermark/delegation'
import { createTestAgent, type TestAgent } from '@countermark/testing'
import type { Issuer } from './issuer.ts'
import type { KeyRegistry } from './key-registry.ts'

/** An agent that is given tokens. As a test agent it can also do what no honest client does. */
export interface Delegate extends TestAgent {
  readonly key: KeyObject
  /** The client that a real agent installs, with this token, or with a source of tokens. */
  readonly fetchWith: (token: string | TokenSource, more?: Partial<AgentFetchSettings>) => typeof fetch
  /** Tokens from the issuer, because a user agreed before. */
  readonly refreshing: (options: RefreshTokenSettings & { readonly dpop?: true }) => TokenSource
  /** Tokens from the issuer, for one of another agent's. */
  readonly exchanging: (options: TokenExchangeSettings) => TokenSource
  /** Tokens of its own, cut to what another agent needs. */
  readonly handingOn: (options: HandOnSettings) => TokenSource
  /** Hands part of its token on to another agent, without asking anybody. */
  readonly handOn: (
    token: string,
    to: TestAgent,
    part: Pick<DelegateOfflineOptions, 'scopes' | 'maxDepth' | 'lifetimeSeconds' | 'authorizationDetails'>,
  ) => Promise<string>
}

/** Where an agent lives. */
export interface Surroundings {
  readonly keys: KeyRegistry
  readonly issuer: Issuer
  /** Whom it may call. */
  readonly origins: readonly string[]
}

/** Creates an agent and registers its key. */
export async function createDelegate(agentId: string, { keys, issuer, origins }: Surroundings): Promise<Delegate> {
  const agent = await createTestAgent({ agentId })
  const { keyId, publicJwk, privateJwk } = agent
  const key = createPrivateKey({ key: privateJwk, format: 'jwk' })
  keys.put(agentId, { keyId, jwk: publicJwk })
  const client = { tokenEndpoint: issuer.tokenEndpoint, clientId: agentId, key, keyId, allowLoopbackHttp: true }
  return {
    ...agent,
    key,
    fetchWith: (token, more = {}) => {
      const given = typeof token === 'string' ? { authorization: `Bearer ${token}` } : { token }
      return createAgentFetch({ agentId, key, keyId, origins, ...given, ...more })
    },
    refreshing: (options) => refreshToken({ ...client, ...options }),
    exchanging: (options) => tokenExchange({ ...client, ...options }),
    handingOn: (options) => handOn({ key, ...options }),
    handOn: (token, to, part) =>
      delegateOffline({ token, key, to: { agentId: to.agentId, key: to.publicJwk }, ...part }),
  }
}
