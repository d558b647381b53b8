import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { findFreePort, findProgram, type StartedRedis, startRedis } from '@countermark/testing'
import { type Agents, createAgents } from './agents.ts'
import { type Approver, createApprover } from './approver.ts'
import type { BackendConfig } from './backend-config.ts'
import { type DemoAuthority, openDemoAuthority } from './demo-authority.ts'
import { createIssuer, type Issuer } from './issuer.ts'
import { createKeyRegistry, type KeyRegistry } from './key-registry.ts'
import { type BackendProcess, startBackend } from './processes.ts'
import { say } from './screen.ts'
import { type AuditFolders, createAuditFolders } from './seeing/audit-folders.ts'
import { type ScrapeTarget, type StartedPrometheus, startPrometheus } from './seeing/prometheus.ts'
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
  readonly authority: DemoAuthority
  readonly approver: Approver
  readonly hasRedis: boolean
  readonly audit: AuditFolders
  /** Of every process. */
  readonly metricsUrls: readonly string[]
  /** `undefined` where it is not installed. */
  readonly prometheus: StartedPrometheus | undefined
  readonly close: () => Promise<void>
}

const SHOP = 'https://shop.example.com'
const BILLING = 'https://billing.example.com'

/** Starts registry, issuer, Redis when there is one, the backends, and where it is to be measured Prometheus. */
export async function createWorld({ isMeasured }: { readonly isMeasured: boolean }): Promise<World> {
  const keys = await createKeyRegistry()
  say(`key registry          ${keys.url}`)
  const issuer = await createIssuer(keys.find)
  say(`issuer of the demo    ${issuer.url}`)
  const opened = await openDemoAuthority({ userIssuer: issuer.url, audiences: [SHOP, BILLING] })
  say(`authority             ${opened.url}`)
  const approver = createApprover(keys)
  const redis = await findRedis()
  const responseKeys = generateKeyPairSync('ed25519')
  const audit = await createAuditFolders()
  const shared = {
    registryUrl: keys.url,
    issuer: { url: issuer.url, plainUrl: issuer.plainUrl },
    authority: { url: opened.url, doorToken: opened.doorToken },
    approver: approver.id,
    redisPort: redis?.port,
    responseKey: responseKeys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    audit: { folder: audit.folder, anchorFolder: audit.anchorFolder, checkpointKey: audit.checkpointKey },
  }
  const [{ shop, billing, targets }, authority] = await Promise.all([startServices(shared), opened.whenReady])
  const prometheus = isMeasured ? await startPrometheus(targets) : undefined
  if (isMeasured) say(`prometheus            ${prometheus?.url ?? 'not found: dashboards and alerts are left out'}`)
  const services = [
    { name: 'shop', backend: shop[0], prefix: '', audience: SHOP },
    { name: 'billing', backend: billing, prefix: '/v1', audience: BILLING },
  ] as const
  const origins = [...shop, billing].map(({ origin }) => origin)
  const agents = await createAgents({ keys, issuer, origins }, responseKeys.publicKey)
  const close = async (): Promise<void> => {
    await Promise.all([billing, ...shop].map(({ kill }) => kill()))
    await Promise.all([
      redis?.stop(),
      prometheus?.stop(),
      keys.close(),
      issuer.close(),
      audit.remove(),
      authority.close(),
    ])
  }
  const metricsUrls = targets.flatMap(({ instances }) => instances.map((instance) => `http://${instance}/metrics`))
  const seeing = { audit, metricsUrls, prometheus }
  return {
    shop,
    billing,
    services,
    keys,
    issuer,
    authority,
    approver,
    hasRedis: redis !== undefined,
    ...seeing,
    ...agents,
    close,
  }
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

type Shared = Omit<BackendConfig, 'service' | 'port' | 'metricsPort' | 'origins' | 'audience' | 'nonceSecret'>
type Services = Pick<World, 'shop' | 'billing'> & { readonly targets: readonly ScrapeTarget[] }

async function startServices(shared: Shared): Promise<Services> {
  const [shopPort, secondPort, billingPort] = await Promise.all([findFreePort(), findFreePort(), findFreePort()])
  const furtherPorts = shared.redisPort === undefined ? [] : [secondPort]
  const ofShop: Omit<BackendConfig, 'port' | 'metricsPort'> = {
    ...shared,
    service: 'shop',
    audience: SHOP,
    nonceSecret: createSecret(),
    origins: [shopPort, ...furtherPorts].map((port) => `http://127.0.0.1:${port}`),
  }
  const ofBilling: Omit<BackendConfig, 'port' | 'metricsPort'> = {
    ...shared,
    service: 'billing',
    audience: BILLING,
    nonceSecret: createSecret(),
    origins: [`http://127.0.0.1:${billingPort}`],
  }
  const shopPorts = [shopPort, ...furtherPorts]
  const [billingMetrics = 0, ...shopMetrics] = await findPorts(1 + shopPorts.length)
  const startShop = (port: number, index: number): Promise<BackendProcess> =>
    startBackend('express', { ...ofShop, port, metricsPort: shopMetrics[index] ?? 0 })
  const [billing, firstShop, ...furtherShops] = await Promise.all([
    startBackend('koa', { ...ofBilling, port: billingPort, metricsPort: billingMetrics }),
    startShop(shopPort, 0),
    ...furtherPorts.map((port, index) => startShop(port, index + 1)),
  ])
  const targets = [
    { job: 'shop', instances: shopMetrics.map((port) => `127.0.0.1:${port}`) },
    { job: 'billing', instances: [`127.0.0.1:${billingMetrics}`] },
  ]
  const shop = [firstShop, ...furtherShops] as const
  for (const { origin } of shop) say(`shop    (Express)     ${origin}`)
  say(`billing (Koa)         ${billing.origin}`)
  return { shop, billing, targets }
}

async function findPorts(count: number): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: count }, () => findFreePort()))
}

function createSecret(): string {
  return randomBytes(32).toString('base64url')
}
