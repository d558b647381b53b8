import type { RequestListener } from 'node:http'
import { createGuard as createExpressGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import {
  createTestAgent,
  keySourceOf,
  type RequestToSign,
  rawRequest,
  type StartedServer,
  sendRaw,
  startServer,
  type TestAgent,
} from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import mount from 'koa-mount'
import Koa2 from 'koa2'
import { createSignatureChecks } from './signature-checks.ts'

const OPTIONS = { origins: ['api.example.com'] }
const started: StartedServer[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.close()))
})

/** A guarded Express application that answers with the path that its router saw. */
function expressApp(framework: typeof express, agent: TestAgent): RequestListener {
  const { verify, once } = createSignatureChecks(keySourceOf(agent))
  return framework()
    .use(createExpressGuard(OPTIONS)(verify, once))
    .use((req, res) => void res.json({ path: req.url, agent: req.agent?.id }))
}

/** The same in Koa. */
function koaApp(Framework: typeof Koa, agent: TestAgent): RequestListener {
  const { verify, once } = createSignatureChecks(keySourceOf(agent))
  const app = new Framework().use(createKoaGuard(OPTIONS)(verify, once))
  app.use((ctx) => {
    ctx.body = { path: ctx.url, agent: ctx.state.agent?.id }
  })
  return app.callback()
}

type Frame = (inner: RequestListener) => RequestListener

function inExpress(framework: typeof express): Frame {
  return (inner) => framework().use('/admin', inner)
}

/** Koa hands on a message whose `url` it has shortened, and keeps what was there to itself. */
function inKoa(Framework: typeof Koa): Frame {
  return (inner) => {
    const outer = new Framework()
    outer.use(
      mount('/admin', (ctx) => {
        ctx.respond = false
        ctx.res.statusCode = 200
        inner(ctx.req, ctx.res)
      }),
    )
    return outer.callback()
  }
}

function inHandler(inner: RequestListener): RequestListener {
  return (req, res) => {
    req.url = req.url?.replace(/^\/admin/, '')
    inner(req, res)
  }
}

const cases: readonly (readonly [string, Frame, (agent: TestAgent) => RequestListener])[] = [
  ['Koa 3 in Express 5', inExpress(express), (agent) => koaApp(Koa, agent)],
  ['Koa 2 in Express 4', inExpress(express4), (agent) => koaApp(Koa2, agent)],
  ['Express 5 in Express 5', inExpress(express), (agent) => expressApp(express, agent)],
  ['Express 4 in Express 5', inExpress(express), (agent) => expressApp(express4, agent)],
  ['Express 5 in Koa 3', inKoa(Koa), (agent) => expressApp(express, agent)],
  ['Express 4 in Koa 2', inKoa(Koa2), (agent) => expressApp(express4, agent)],
  ['Koa 3 in Koa 3 by its callback', inKoa(Koa), (agent) => koaApp(Koa, agent)],
  ['Express 5 in a handler that shortens the url', inHandler, (agent) => expressApp(express, agent)],
  ['Koa 3 in a handler that shortens the url', inHandler, (agent) => koaApp(Koa, agent)],
]

describe.each(cases)('a guard inside a mount: %s', (_name, frame, inner) => {
  const send = async (request: RequestToSign): Promise<readonly [number, unknown]> => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const server = await startServer(frame(inner(agent)))
    started.push(server)
    const { status, text } = await sendRaw(server.port, rawRequest(await agent.signRequest(request)))
    const body = JSON.parse(text)
    return [status, body.code ?? body]
  }

  it('judges the target that was sent', async () => {
    expect(await send({ target: '/admin/orders?page=2' })).toEqual([
      200,
      { path: '/orders?page=2', agent: 'agt_buyer' },
    ])
  })

  it('does not take a signature over what the mount leaves of the target', async () => {
    const tamper = { sent: { target: '/admin/orders' } }
    expect(await send({ target: '/orders', tamper })).toEqual([401, 'signature_invalid'])
  })
})
