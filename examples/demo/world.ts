import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { createTestAgent, findFreePort, findProgram, startRedis, type TestAgent } from '@countermark/testing'
import { createKeyRegistry, type KeyRegistry } from './key-registry.ts'
import { type BackendProcess, startBackend } from './processes.ts'
import { say } from './screen.ts'

/** Everything that plays in the demo. */
export interface World {
  /** Two processes of one Express service where Redis is there, one otherwise. */
  readonly shop: readonly [BackendProcess, ...BackendProcess[]]
  readonly billing: BackendProcess
  readonly keys: KeyRegistry
  readonly hasRedis: boolean
  /** An honest agent with the client a real one installs, in both signed forms. */
  readonly buyer: Buyer
  /** Signs like an agent and then does what attackers do. */
  readonly victim: TestAgent
  readonly mallory: TestAgent
  readonly close: () => Promise<void>
}

/** The honest agent's calls. */
export interface Buyer {
  readonly agentId: string
  readonly fetch: typeof fetch
  readonly simpleFetch: typeof fetch
  /** Refuses responses that the billing service did not sign. */
  readonly strictFetch: typeof fetch
  /** Another agent, or the same one with another key. */
  readonly fetchAs: (agentId: string, key: KeyObject, keyId: string) => typeof fetch
}

/** Starts registry, Redis when there is one, and the backends. */
export async function createWorld(): Promise<World> {
  const keys = await createKeyRegistry()
  say(`key registry          ${keys.url}`)
  const command = findProgram('redis-server')
  const redis = command === undefined ? undefined : await startRedis({ command })
  say(
    redis === undefined
      ? 'redis-server not found: each process remembers by itself, so only one process per service'
      : `redis                 port ${redis.port}`,
  )
  const [shopPort, secondPort, billingPort] = await Promise.all([findFreePort(), findFreePort(), findFreePort()])
  const responseKeys = generateKeyPairSync('ed25519')
  const shared = {
    registryUrl: keys.url,
    redisPort: redis?.port,
    responseKey: responseKeys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
  const furtherPorts = redis === undefined ? [] : [secondPort]
  const origins = [shopPort, ...furtherPorts].map((port) => `http://127.0.0.1:${port}`)
  const startShop = (port: number) => startBackend('express', { ...shared, port, origins })
  const [billing, firstShop, ...furtherShops] = await Promise.all([
    startBackend('koa', { ...shared, port: billingPort, origins: [`http://127.0.0.1:${billingPort}`] }),
    startShop(shopPort),
    ...furtherPorts.map(startShop),
  ])
  const shop = [firstShop, ...furtherShops] as const
  for (const { origin } of shop) say(`shop    (Express)     ${origin}`)
  say(`billing (Koa)         ${billing.origin}`)
  const agents = await createAgents(keys, [...origins, billing.origin], responseKeys.publicKey)
  const close = async (): Promise<void> => {
    await Promise.all([billing, ...shop].map(({ kill }) => kill()))
    await redis?.stop()
    await keys.close()
  }
  return { shop, billing, keys, hasRedis: redis !== undefined, ...agents, close }
}

async function createAgents(
  keys: KeyRegistry,
  origins: readonly string[],
  responseKey: KeyObject,
): Promise<Pick<World, 'buyer' | 'victim' | 'mallory'>> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const victim = await createTestAgent({ agentId: 'agt_victim' })
  const mallory = await createTestAgent({ agentId: 'agt_mallory' })
  keys.put('agt_buyer', { keyId: 'buyer-1', jwk: publicKey.export({ format: 'jwk' }) })
  keys.put(victim.agentId, { keyId: victim.keyId, jwk: victim.publicJwk })
  keys.put(mallory.agentId, { keyId: mallory.keyId, jwk: mallory.publicJwk })
  const own = { agentId: 'agt_buyer', origins, keyId: 'buyer-1', key: privateKey }
  const buyer: Buyer = {
    agentId: 'agt_buyer',
    fetch: createAgentFetch(own),
    simpleFetch: createAgentFetch({ ...own, form: 'simple-v1' }),
    strictFetch: createAgentFetch({ ...own, verifyResponses: { keys: { billing: responseKey }, required: true } }),
    fetchAs: (agentId, key, keyId) => createAgentFetch({ agentId, key, keyId, origins }),
  }
  return { buyer, victim, mallory }
}
