import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import koaCors from '@koa/cors'
import compress from 'compression'
import cors from 'cors'
import type express from 'express'
import type { RequestHandler } from 'express'
import type Koa from 'koa'
import type { Middleware } from 'koa'
import bodyParser from 'koa-bodyparser'
import koaCompress from 'koa-compress'

/** Builds an application that answers in every way there is, with middleware in front of its routes. */
export type BuildAnswering<Handler> = (guards: readonly Handler[]) => RequestListener

const LARGE = 'Every answer of this application is the same, guarded or not. '.repeat(100)
const CHUNKS = ['first ', 'second ', 'third']

async function* slowly(): AsyncGenerator<string> {
  for (const chunk of CHUNKS) {
    await new Promise((resolve) => setImmediate(resolve))
    yield chunk
  }
}

/** Express 4 or 5: CORS and compression in front, as most applications have them. */
export function answeringExpress(framework: typeof express): BuildAnswering<RequestHandler> {
  return (guards) => {
    const app = framework()
    app.set('env', 'production')
    app.use(cors({ origin: 'https://app.example', credentials: true, exposedHeaders: ['X-Total'] }))
    app.use(compress({ threshold: 1024 }))
    for (const guard of guards) app.use(guard)
    app.use(framework.json())
    app.all('/json', (_req, res) => void res.set('X-Total', '2').json({ orders: [1, 2] }))
    app.get('/large', (_req, res) => void res.vary('Accept-Language').type('text').send(LARGE))
    app.get('/stream', (_req, res) => void Readable.from(slowly()).pipe(res.type('text')))
    app.get('/events', (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
      res.write('data: 1\n\n')
      res.end('data: 2\n\n')
    })
    app.get('/empty', (_req, res) => void res.status(204).end())
    app.get('/redirect', (_req, res) => res.redirect('/json'))
    app.get('/cached', (_req, res) => void res.set('ETag', '"v1"').json({ cached: true }))
    app.get('/cookie', (_req, res) => void res.cookie('sid', '1', { httpOnly: true }).cookie('theme', 'dark').json({}))
    app.get('/boom', () => {
      throw new Error('boom')
    })
    app.get(
      '/denied',
      (_req, res) => void res.status(401).set('WWW-Authenticate', 'Basic realm="own"').json({ own: true }),
    )
    app.post('/echo', (req, res) => void res.status(201).json(req.body))
    return app
  }
}

/** Koa 2 or 3, the same. */
export function answeringKoa(Framework: typeof Koa): BuildAnswering<Middleware> {
  return (guards) => {
    const app = new Framework()
    app.silent = true
    app.use(
      koaCors({
        origin: 'https://app.example',
        credentials: true,
        exposeHeaders: ['X-Total'],
        keepHeadersOnError: true,
      }),
    )
    app.use(koaCompress({ threshold: 1024, br: false }))
    for (const guard of guards) app.use(guard)
    app.use(bodyParser())
    app.use((ctx) => ANSWERS[ctx.path]?.(ctx))
    return app.callback()
  }
}

const ANSWERS: Readonly<Record<string, (ctx: Koa.Context) => void>> = {
  '/json': (ctx) => {
    ctx.set('X-Total', '2')
    ctx.body = { orders: [1, 2] }
  },
  '/large': (ctx) => {
    ctx.vary('Accept-Language')
    ctx.body = LARGE
  },
  '/stream': (ctx) => {
    ctx.type = 'text'
    ctx.body = Readable.from(slowly())
  },
  '/events': (ctx) => {
    ctx.respond = false
    ctx.res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
    ctx.res.write('data: 1\n\n')
    ctx.res.end('data: 2\n\n')
  },
  '/empty': (ctx) => {
    ctx.status = 204
  },
  '/redirect': (ctx) => ctx.redirect('/json'),
  '/cached': (ctx) => {
    ctx.etag = 'v1'
    ctx.body = { cached: true }
    ctx.status = 200
    if (ctx.fresh) ctx.status = 304
  },
  '/cookie': (ctx) => {
    ctx.cookies.set('sid', '1')
    ctx.cookies.set('theme', 'dark')
    ctx.body = {}
  },
  '/boom': () => {
    throw new Error('boom')
  },
  '/denied': (ctx) => {
    ctx.status = 401
    ctx.set('WWW-Authenticate', 'Basic realm="own"')
    ctx.body = { own: true }
  },
  '/echo': (ctx) => {
    ctx.status = 201
    ctx.body = ctx.request.body
  },
}
