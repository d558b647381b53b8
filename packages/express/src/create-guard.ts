import {
  type AgentView,
  createGuardFactory,
  type Guard,
  type GuardFactory,
  type GuardOptions,
  isThenable,
  type Reply,
  type Verdict,
} from '@countermark/core'
import { createNodeGuard, shouldClose } from '@countermark/core/node'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { routeOf } from './route.ts'

declare global {
  namespace Express {
    interface Request {
      /** Who calls, on which proof; set by a guard that let the request pass. */
      agent?: AgentView
    }
  }
}

/** Options of {@link createGuard} for Express. */
export interface ExpressGuardOptions extends GuardOptions {
  /** `problem` answers refusals with problem+json; `next` hands them to the application's error handler. @default 'problem' */
  readonly respond?: 'problem' | 'next'
}

/**
 * Makes the guards of an Express 4 or 5 application: `app.use(guard(verifySignature({ keys }), preventReplay({ store })))`.
 * @throws Misconfigured
 */
export function createGuard(options: ExpressGuardOptions): GuardFactory<RequestHandler> {
  const { respond = 'problem' } = options
  const { compose, toAgentRequest } = createNodeGuard(options, ['respond'])
  return createGuardFactory(compose, (guard: Guard) => {
    return function agentGuardMiddleware(req: Request, res: Response, next: NextFunction): void {
      const request = toAgentRequest({ message: req, originalUrl: req.originalUrl, route: () => routeOf(req) })
      const settle = (verdict: Verdict): void => apply(verdict, { req, res, next, respond })
      const verdict = guard(request)
      if (isThenable(verdict)) verdict.then(settle, next)
      else settle(verdict)
    }
  })
}

interface Exchange {
  readonly req: Request
  readonly res: Response
  readonly next: NextFunction
  readonly respond: 'problem' | 'next'
}

function apply(verdict: Verdict, { req, res, next, respond }: Exchange): void {
  const { finish } = verdict
  if (finish !== undefined) res.once('close', () => finish(res.statusCode, !res.writableFinished))
  if (verdict.outcome === 'allow') {
    if (verdict.agent !== undefined) req.agent = verdict.agent
    next()
  } else if (respond === 'next') {
    next(
      Object.assign(verdict.refusal, {
        status: verdict.reply.status,
        headers: Object.fromEntries(verdict.reply.headers),
      }),
    )
  } else {
    answer(req, res, verdict.reply)
  }
}

function answer(req: Request, res: Response, reply: Reply): void {
  for (const [name, value] of reply.headers) res.append(name, value)
  if (shouldClose(req)) res.set('Connection', 'close')
  res.status(reply.status).end(reply.body)
}
