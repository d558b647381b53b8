import { createGuard } from '@countermark/koa'
import type { AdapterUnderTest } from '@countermark/testing'
import Router from '@koa/router'
import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import bodyParser from 'koa-bodyparser'
import mount from 'koa-mount'
import multer from 'multer'
import type { AdapterApp, AdapterExchange, BodyParser } from '../../packages/testing/src/adapters/adapter-under-test.ts'

/** Koa 2 or 3, as the shared suite builds applications with it. */
export function koaAdapter(Framework: typeof Koa): AdapterUnderTest<Middleware> {
  return {
    createGuard: (options) => createGuard(options),
    createGuardWithErrors: (options) => createGuard({ ...options, respond: 'throw' }),
    createApp: (onError) => {
      const app = new Framework()
      app.silent = true
      if (onError !== undefined) app.use(catchErrors(onError))
      return wrapApp(Framework, app)
    },
    step: (run) => async (ctx, next) => {
      await run(exchangeOf(ctx))
      await next()
    },
    answer: (handle) => async (ctx) => {
      ctx.body = (await handle(exchangeOf(ctx))) ?? {}
    },
    parser: (kind) => PARSERS[kind](),
  }
}

function wrapApp(Framework: typeof Koa, app: Koa): AdapterApp<Middleware> {
  return {
    use: (...middleware) => middleware.forEach((each) => void app.use(each)),
    route: (method, path, ...middleware) => {
      const router = new Router()
      router[method](path, ...middleware)
      app.use(router.routes())
    },
    mount: (how, prefix, build) => {
      if (how === 'app') {
        const inner = new Framework()
        build(wrapApp(Framework, inner))
        app.use(mount(prefix, inner))
      } else {
        const router = new Router({ prefix })
        build(wrapRouter(router))
        app.use(router.routes())
      }
    },
    listener: () => app.callback(),
  }
}

function wrapRouter(router: Router): AdapterApp<Middleware> {
  return {
    use: (...middleware) => middleware.forEach((each) => void router.use(each)),
    route: (method, path, ...middleware) => void router[method](path, ...middleware),
    mount: (_how, prefix, build) => {
      const inner = new Router({ prefix })
      build(wrapRouter(inner))
      router.use(inner.routes())
    },
    listener: () => {
      throw new Error('a router does not listen')
    },
  }
}

function catchErrors(onError: (error: unknown) => void): Middleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      onError(error)
      const { status = 500, headers = {} } = error as { status?: number; headers?: Record<string, string> }
      ctx.set(headers)
      ctx.status = status
      ctx.body = { caught: true }
    }
  }
}

const PARSERS: Readonly<Record<BodyParser, () => Middleware>> = {
  json: () => bodyParser({ enableTypes: ['json'] }),
  urlencoded: () => bodyParser({ enableTypes: ['form'] }),
  text: () => bodyParser({ enableTypes: ['text'] }),
  raw: () => async (ctx, next) => {
    ctx.request.body = Buffer.concat(await ctx.req.toArray())
    await next()
  },
  multipart: () => {
    const upload = multer().any()
    return async (ctx, next) => {
      await new Promise<void>((resolve, reject) => {
        const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error))
        upload(ctx.req as Parameters<typeof upload>[0], ctx.res as Parameters<typeof upload>[1], done)
      })
      const { body, files } = ctx.req as typeof ctx.req & { body?: unknown; files?: unknown }
      Object.assign(ctx.request, { body, files })
      await next()
    }
  },
}

function exchangeOf(ctx: Context): AdapterExchange {
  const request: { readonly body?: unknown; readonly files?: unknown } = ctx.request
  return {
    message: ctx.req,
    response: ctx.res,
    get agent() {
      return ctx.state.agent
    },
    assignAgent: (value) => void Object.assign(ctx.state, { agent: value }),
    get body() {
      return request.body
    },
    get files() {
      return Array.isArray(request.files) ? request.files.map(({ buffer }: { readonly buffer: Buffer }) => buffer) : []
    },
  }
}
