import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { createTestAgent, type TestAgent } from '@countermark/testing'
import { createDelegate, type Delegate, type Surroundings } from './delegate.ts'
import type { KeyRegistry } from './key-registry.ts'

/** Who calls in the demo. */
export interface Agents {
  /** An honest agent with the client a real one installs, in both signed forms. */
  readonly buyer: Buyer
  /** Signs like an agent and then does what attackers do. */
  readonly victim: TestAgent
  readonly mallory: TestAgent
  /** Users let it do things. */
  readonly assistant: Delegate
  /** What the assistant hands on goes to the courier, and what that one hands on to the runner. */
  readonly courier: Delegate
  readonly runner: Delegate
  /** The registry says that it may give back two euros and nothing else. */
  readonly trainee: Delegate
}

/** The honest agent's calls. */
export interface Buyer {
  readonly agentId: string
  /** PKCS #8 in PEM: a key to play with. */
  readonly privateKey: string
  readonly fetch: typeof fetch
  readonly simpleFetch: typeof fetch
  /** Refuses responses that the billing service did not sign. */
  readonly strictFetch: typeof fetch
  /** Another agent, or the same one with another key. */
  readonly fetchAs: (agentId: string, key: KeyObject, keyId: string) => typeof fetch
}

/** Creates them and registers their keys. `responseKey` is what the billing service signs with. */
export async function createAgents(surroundings: Surroundings, responseKey: KeyObject): Promise<Agents> {
  const { keys, origins } = surroundings
  const victim = await createTestAgent({ agentId: 'agt_victim' })
  const mallory = await createTestAgent({ agentId: 'agt_mallory' })
  for (const { agentId, keyId, publicJwk } of [victim, mallory]) keys.put(agentId, { keyId, jwk: publicJwk })
  const [assistant, courier, runner, trainee] = await Promise.all([
    createDelegate('agt_assistant', surroundings),
    createDelegate('agt_courier', surroundings),
    createDelegate('agt_runner', surroundings),
    createDelegate('agt_trainee', surroundings),
  ])
  const twoEuros = { value: 200, currency: 'EUR' }
  keys.limit('agt_trainee', { capabilities: ['refunds:create'], constraints: { max_refund_amount: twoEuros } })
  return { buyer: createBuyer(keys, origins, responseKey), victim, mallory, assistant, courier, runner, trainee }
}

function createBuyer(keys: KeyRegistry, origins: readonly string[], responseKey: KeyObject): Buyer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  // It ends in three days, for somebody to be told in time.
  const notAfter = Math.floor(Date.now() / 1000) + 3 * 86_400
  keys.put('agt_buyer', { keyId: 'buyer-1', jwk: publicKey.export({ format: 'jwk' }), notAfter })
  const own = { agentId: 'agt_buyer', origins, keyId: 'buyer-1', key: privateKey }
  return {
    agentId: 'agt_buyer',
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    fetch: createAgentFetch(own),
    simpleFetch: createAgentFetch({ ...own, form: 'simple-v1' }),
    strictFetch: createAgentFetch({ ...own, verifyResponses: { keys: { billing: responseKey }, required: true } }),
    fetchAs: (agentId, key, keyId) => createAgentFetch({ agentId, key, keyId, origins }),
  }
}
