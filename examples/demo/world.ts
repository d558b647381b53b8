import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { findFreePort, findProgram, type StartedRedis, startRedis } from '@countermark/testing'
import { type Agents, createAgents } from './agents.ts'
import { type Approver, createApprover } from './approver.ts'
import type { BackendConfig } from './backend-config.ts'
import { createIssuer, type Issuer } from './issuer.ts'
import { createKeyRegistry, type KeyRegistry } from './key-registry.ts'
import { type BackendProcess, startBackend } from './processes.ts'
import { say } from './screen.ts'
import type { Service } from './service.ts'

/** Everything that plays in the demo. */
export interface World extends Agents {
  /** Two processes of one Express service where Redis is there, one otherwise. */
  readonly shop: readonly [BackendProcess, ...BackendProcess[]]
  readonly billing: BackendProcess
  /** The first process of the shop, and billing. */
  readonly services: readonly [shop: Service, billing: Service]
  readonly keys: KeyRegistry
  readonly issuer: Issuer
  readonly approver: Approver
  readonly hasRedis: boolean
  readonly close: () => Promise<void>
}

const SHOP = 'https://shop.example.com'
const BILLING = 'https://billing.example.com'

/** Starts registry, issuer, Redis when there is one, and the backends. */
export async function createWorld(): Promise<World> {
  const keys = await createKeyRegistry()
  say(`key registry          ${keys.url}`)
  const issuer = await createIssuer(keys.find)
  say(`issuer of the demo    ${issuer.url}`)
  const approver = createApprover(keys)
  const redis = await findRedis()
  const responseKeys = generateKeyPairSync('ed25519')
  const shared = {
    registryUrl: keys.url,
    issuer: { url: issuer.url, plainUrl: issuer.plainUrl },
    approver: approver.id,
    redisPort: redis?.port,
    responseKey: responseKeys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
  const { shop, billing } = await startServices(shared)
  const services = [
    { name: 'shop', backend: shop[0], prefix: '', audience: SHOP },
    { name: 'billing', backend: billing, prefix: '/v1', audience: BILLING },
  ] as const
  const origins = [...shop, billing].map(({ origin }) => origin)
  const agents = await createAgents({ keys, issuer, origins }, responseKeys.publicKey)
  const close = async (): Promise<void> => {
    await Promise.all([billing, ...shop].map(({ kill }) => kill()))
    await redis?.stop()
    await Promise.all([keys.close(), issuer.close()])
  }
  return { shop, billing, services, keys, issuer, approver, hasRedis: redis !== undefined, ...agents, close }
}

async function findRedis(): Promise<StartedRedis | undefined> {
  const command = findProgram('redis-server')
  const redis = command === undefined ? undefined : await startRedis({ command })
  say(
    redis === undefined
      ? 'redis-server not found: each process remembers by itself, so only one process per service'
      : `redis                 port ${redis.port}`,
  )
  return redis
}

type Shared = Omit<BackendConfig, 'service' | 'port' | 'origins' | 'audience' | 'nonceSecret'>

async function startServices(shared: Shared): Promise<Pick<World, 'shop' | 'billing'>> {
  const [shopPort, secondPort, billingPort] = await Promise.all([findFreePort(), findFreePort(), findFreePort()])
  const furtherPorts = shared.redisPort === undefined ? [] : [secondPort]
  const ofShop: Omit<BackendConfig, 'port'> = {
    ...shared,
    service: 'shop',
    audience: SHOP,
    nonceSecret: createSecret(),
    origins: [shopPort, ...furtherPorts].map((port) => `http://127.0.0.1:${port}`),
  }
  const ofBilling: Omit<BackendConfig, 'port'> = {
    ...shared,
    service: 'billing',
    audience: BILLING,
    nonceSecret: createSecret(),
    origins: [`http://127.0.0.1:${billingPort}`],
  }
  const [billing, firstShop, ...furtherShops] = await Promise.all([
    startBackend('koa', { ...ofBilling, port: billingPort }),
    startBackend('express', { ...ofShop, port: shopPort }),
    ...furtherPorts.map((port) => startBackend('express', { ...ofShop, port })),
  ])
  const shop = [firstShop, ...furtherShops] as const
  for (const { origin } of shop) say(`shop    (Express)     ${origin}`)
  say(`billing (Koa)         ${billing.origin}`)
  return { shop, billing }
}

function createSecret(): string {
  return randomBytes(32).toString('base64url')
}
