import type { Observer } from '@countermark/core'
import { createGuard as guardExpress } from '@countermark/express'
import { createGuard as guardKoa } from '@countermark/koa'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { keySourceOf, type RequestToSign, rawRequest, sendRaw, startServer, type TestAgent } from '@countermark/testing'
import Router from '@koa/router'
import express from 'express'
import Koa from 'koa'
import type { Registry } from 'prom-client'
import { metricsHandler } from '../src/index.ts'

/** An application with a guard in front of its routes and `/metrics` before the guard. */
export interface GuardedApp {
  readonly origin: string
  readonly port: number
  /** Sends a signed request; resolves with the status. */
  readonly send: (request: RequestToSign) => Promise<number>
  readonly close: () => Promise<void>
}

/** Starts an application. */
export type StartApp = (agent: TestAgent, observer: Observer, register: Registry) => Promise<GuardedApp>

const AUTHORITIES = ['api.example.com']

/** The same application on every framework. */
export const FRAMEWORKS: readonly (readonly [name: string, start: StartApp])[] = [
  ['Express', startExpress],
  ['Koa', startKoa],
]

function checksOf(agent: TestAgent) {
  const store = memoryReplayStore({ allowSingleProcess: true })
  return [verifySignature({ keys: keySourceOf(agent) }), preventReplay({ store })] as const
}

async function startExpress(agent: TestAgent, observer: Observer, register: Registry): Promise<GuardedApp> {
  const guard = guardExpress({ origins: AUTHORITIES, observers: [observer] })
  const app = express()
    .get('/metrics', metricsHandler(register))
    .use(guard(...checksOf(agent)))
  app.get('/orders/:id', (_req, res) => void res.send('order'))
  return toApp(agent, app)
}

async function startKoa(agent: TestAgent, observer: Observer, register: Registry): Promise<GuardedApp> {
  const guard = guardKoa({ origins: AUTHORITIES, observers: [observer] })
  const router = new Router().get('/orders/:id', (ctx) => {
    ctx.body = 'order'
  })
  const app = new Koa().use(async (ctx, next) => {
    if (ctx.path !== '/metrics') return next()
    ctx.set('content-type', register.contentType)
    ctx.body = await register.metrics()
  })
  return toApp(
    agent,
    app
      .use(guard(...checksOf(agent)))
      .use(router.routes())
      .callback(),
  )
}

async function toApp(agent: TestAgent, handler: Parameters<typeof startServer>[0]): Promise<GuardedApp> {
  const { origin, port, close } = await startServer(handler)
  const send = async (request: RequestToSign): Promise<number> => {
    const { status } = await sendRaw(port, rawRequest(await agent.signRequest(request)))
    return status
  }
  return { origin, port, send, close }
}
