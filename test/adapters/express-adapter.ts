import type { RequestListener, Server } from 'node:http'
import { createGuard, createServer } from '@countermark/express'
import type { AdapterUnderTest } from '@countermark/testing'
import type express from 'express'
import type { Express, IRouter, NextFunction, Request, RequestHandler, Response } from 'express'
import multer from 'multer'
import type { AdapterApp, AdapterExchange, BodyParser } from '../../packages/testing/src/adapters/adapter-under-test.ts'

/** Who makes the server: Node, as for `app.listen`, or {@link createServer}. */
export type ServerMaker = 'node' | 'ours'

/** Express 4 or 5, as the shared suite builds applications with it. */
export function expressAdapter(
  framework: typeof express,
  maker: ServerMaker = 'node',
): AdapterUnderTest<RequestHandler> {
  return {
    createGuard: (options) => createGuard(options),
    createGuardWithErrors: (options) => createGuard({ ...options, respond: 'next' }),
    createApp: (onError) => {
      const app = framework()
      return wrap(framework, app, () => {
        if (onError !== undefined) catchErrors(app, onError)
        return maker === 'node' ? app : createServer(app)
      })
    },
    step: (run) => (req, res, next) => void Promise.resolve(run(exchangeOf(req, res))).then(() => next(), next),
    answer: (handle) => (req, res, next) => {
      Promise.resolve(handle(exchangeOf(req, res))).then((body) => void res.json(body ?? {}), next)
    },
    parser: (kind) => parsers(framework)[kind](),
  }
}

function wrap(
  framework: typeof express,
  target: IRouter,
  listener: () => RequestListener | Server,
): AdapterApp<RequestHandler> {
  return {
    use: (...middleware) => middleware.forEach((each) => void target.use(each)),
    route: (method, path, ...middleware) => void target.route(path)[method](...middleware),
    mount: (how, prefix, build) => {
      const inner: IRouter = how === 'app' ? framework() : framework.Router()
      build(wrap(framework, inner, listener))
      target.use(prefix, inner)
    },
    listener,
  }
}

function catchErrors(app: Express, onError: (error: unknown) => void): Express {
  return app.use((error: { status?: number; headers?: object }, _req: Request, res: Response, _next: NextFunction) => {
    onError(error)
    res
      .set({ ...error.headers })
      .status(error.status ?? 500)
      .json({ caught: true })
  })
}

function parsers(framework: typeof express): Readonly<Record<BodyParser, () => RequestHandler>> {
  return {
    json: () => framework.json(),
    urlencoded: () => framework.urlencoded({ extended: false }),
    raw: () => framework.raw({ type: () => true }),
    text: () => framework.text(),
    multipart: () => multer().any(),
  }
}

function exchangeOf(req: Request, res: Response): AdapterExchange {
  return {
    message: req,
    response: res,
    get agent() {
      return req.agent
    },
    assignAgent: (value) => void Object.assign(req, { agent: value }),
    get body() {
      return req.body
    },
    get files() {
      return Array.isArray(req.files) ? req.files.map(({ buffer }) => buffer) : []
    },
  }
}
