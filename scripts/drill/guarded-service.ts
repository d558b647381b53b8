import type { RequestListener } from 'node:http'
import type { GuardOptions } from '@countermark/core'
import { metricsHandler, prometheusMetrics } from '@countermark/metrics'
import {
  type RequestToSign,
  rawRequest,
  type SignedRequest,
  sendRaw,
  startServer,
  type TestAgent,
} from '@countermark/testing'
import { Registry } from 'prom-client'

/** A small guarded application with `/metrics` beside it. */
export interface GuardedService {
  /** Its name in Prometheus. */
  readonly job: string
  /** `host:port`. */
  readonly instance: string
  /** Signs and sends; resolves with the status. */
  readonly call: (agent: TestAgent, request?: Partial<RequestToSign>) => Promise<number>
  /** Sends what was signed before. */
  readonly send: (signed: SignedRequest) => Promise<number>
  readonly close: () => Promise<void>
}

/** Where agents believe the services to be. */
export const ORIGIN = 'https://api.example.com'
const AUTHORITY = 'api.example.com'
/** The machine may do much else. */
const TIMEOUT_MS = 20_000

/** Starts a service; `build` makes its application around guards with these options. */
export async function startService(
  job: string,
  build: (options: GuardOptions) => RequestListener,
): Promise<GuardedService> {
  const register = new Registry()
  const show = metricsHandler(register)
  const application = build({ origins: [AUTHORITY], observers: [prometheusMetrics({ register })] })
  const { port, close } = await startServer((request, response) =>
    request.url === '/metrics' ? show(request, response) : application(request, response),
  )
  const send = async (signed: SignedRequest): Promise<number> =>
    (await sendRaw(port, rawRequest(signed), { timeoutMs: TIMEOUT_MS })).status
  const call: GuardedService['call'] = async (agent, request) =>
    send(await agent.signRequest({ url: `${ORIGIN}/orders`, ...request }))
  return { job, instance: `127.0.0.1:${port}`, call, send, close }
}
