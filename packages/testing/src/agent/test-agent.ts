import { type AgentKey, type Clock, importPublicKey, type KeySource } from '@countermark/core'
import { type SignatureAlgorithm, systemClock } from '@countermark/core/internal'
import type { RequestToSign, SignedRequest } from './request-to-sign.ts'
import { signRequest } from './sign-request.ts'
import { createTestKey, type TestJwk, type TestKey } from './test-key.ts'

/** How to make a test agent. */
interface TestAgentOptions {
  /** The id of the agent. */
  readonly agentId: string
  /** @default the thumbprint of the key */
  readonly keyId?: string
  /** @default 'ed25519' */
  readonly algorithm?: SignatureAlgorithm
  /** Dates the signatures: give the clock that the guard uses. @default the system's */
  readonly clock?: Clock
  /** A private key to use instead of a new one, for published vectors. */
  readonly privateJwk?: TestJwk
}

/** An agent that signs with bare WebCrypto, so that no code under test checks itself. */
export interface TestAgent extends TestKey {
  /** The id of the agent. */
  readonly agentId: string
  /** The name of its key. */
  readonly keyId: string
  /** The public JWK with `kid`, as a key set publishes it. */
  readonly publishedJwk: TestJwk
  /** Signs a request; the agent may do wrong on purpose. */
  readonly signRequest: (request: RequestToSign) => Promise<SignedRequest>
}

/**
 * Creates an agent with a key of its own.
 * @example
 * const agent = await createTestAgent({ agentId: 'agt_buyer' })
 * const signed = await agent.signRequest({ url: 'https://api.example.com/orders?page=2' })
 */
export async function createTestAgent(options: TestAgentOptions): Promise<TestAgent> {
  const { agentId, algorithm = 'ed25519', clock = systemClock, privateJwk } = options
  const key = await createTestKey(algorithm, privateJwk)
  const { keyId = key.thumbprint } = options
  const signer = { agentId, keyId, key, clock }
  return {
    ...key,
    agentId,
    keyId,
    publishedJwk: { ...key.publicJwk, kid: keyId },
    signRequest: (request) => signRequest(signer, request),
  }
}

/** The key of a test agent as a key source answers it; some members may be different. */
export function agentKeyOf(agent: TestAgent, overrides: Partial<AgentKey> = {}): AgentKey {
  const imported = importPublicKey(agent.publicJwk, { algorithm: agent.algorithm, allowTestKeys: true })
  return {
    ...imported,
    agent: { id: agent.agentId, state: 'active' },
    keyId: agent.keyId,
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
    ...overrides,
  }
}

/** A key source that knows the given agents or keys, answers at once and never fails. */
export function keySourceOf(...known: readonly (TestAgent | AgentKey)[]): KeySource {
  const keys = known.map((entry) => ('signRequest' in entry ? agentKeyOf(entry) : entry))
  return {
    name: 'test',
    findKeys: ({ agentId, keyId }) =>
      keys.filter(
        (key) => (agentId === undefined || key.agent.id === agentId) && (keyId === undefined || key.keyId === keyId),
      ),
  }
}
