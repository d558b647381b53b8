import { createRiskServer, type RiskServer, type RiskServerOptions } from '@countermark/risk/service'
import { type StartedServer, startServer } from '@countermark/testing'

/** What callers of a service in tests show. */
export const TOKENS = [
  { name: 'orders-api', token: 'token-of-the-orders-api', may: ['scores', 'events'] },
  { name: 'rita', token: 'token-of-rita-the-reviewer', may: ['read', 'reviews'] },
] as const

/** One answer of a service. */
export interface ServiceReply {
  readonly status: number
  readonly type: string | null
  readonly value: Readonly<Record<string, unknown>>
}

/** A service that runs. */
export interface StartedService extends StartedServer {
  readonly risk: RiskServer
  readonly ask: (method: string, path: string, body?: unknown, token?: string) => Promise<ServiceReply>
}

const started: StartedService[] = []

/** Ends what a test started; for `afterEach`. */
export async function closeServices(): Promise<void> {
  await Promise.all(started.splice(0).map((service) => service.close()))
}

/** Starts a service on a free port. */
export async function startService(options: Partial<RiskServerOptions> = {}): Promise<StartedService> {
  const risk = createRiskServer({ tokens: TOKENS, ...options })
  await risk.ready()
  const server = await startServer((message, response) => void risk.handle(message, response))
  const service: StartedService = {
    ...server,
    risk,
    ask: (method, path, body, token = TOKENS[0].token) => send(server.origin + path, method, body, token),
    close: async () => {
      await server.close()
      await risk.close()
    },
  }
  started.push(service)
  return service
}

async function send(url: string, method: string, body: unknown, token: string): Promise<ServiceReply> {
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` }, ...content })
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    value: (await response.json()) as ServiceReply['value'],
  }
}

/** A request as checks tell it. */
export function told(more: object = {}): object {
  const names = { route: 7, resource: 0, resourceNumber: -1, user: 3, key: 5, capability: 0, amount: -1 }
  return { agentId: 'agt_a', isSafe: true, isHoney: false, address: '192.0.2.7', ...names, ...more }
}
