import { type AgentView, type GuardOptions, Misconfigured } from '@countermark/core'
import {
  createGuardFactory,
  type Guard,
  type GuardFactory,
  isThenable,
  requireWord,
  type Verdict,
} from '@countermark/core/internal'
import {
  announceFields,
  createLateCheck,
  createNodeGuard,
  type IsTooLate,
  type NodeGuard,
  toHttpRefusal,
  watchResponse,
  writeReplyHead,
} from '@countermark/core/node'
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
  /** `problem` answers refusals with problem+json; `next` hands them to the application's error handler, except 202. @default 'problem' */
  readonly respond?: 'problem' | 'next'
}

/**
 * Makes the guards of an Express 4 or 5 application: `app.use(guard(verifySignature({ keys }), preventReplay({ store })))`.
 * @throws Misconfigured
 */
export function createGuard(options: ExpressGuardOptions): GuardFactory<RequestHandler> {
  const node = createNodeGuard(options, ['respond'])
  const respond = requireWord('respond', options.respond ?? 'problem', ['problem', 'next'])
  const isTooLate = createLateCheck(MISTAKE)
  return createGuardFactory(node.compose, (guard: Guard) => {
    return function agentGuardMiddleware(req: Request, res: Response, next: NextFunction): void {
      if (typeof next !== 'function') throw mountedElsewhere()
      const { originalUrl } = req
      const apply = (verdict: Verdict): void =>
        applyVerdict(verdict, { req, res, next, respond, warn: node.warn, isTooLate })
      const verdict = node.judge(guard, { message: req, originalUrl, route: () => routeOf(req) })
      if (isThenable(verdict)) verdict.then(apply).catch(next)
      else apply(verdict)
    }
  })
}

function mountedElsewhere(): Misconfigured {
  const mistake = 'a guard for Express was called as other frameworks call middleware'
  return new Misconfigured('ERR_OPTION_INVALID', `${mistake}; for Koa import createGuard from @countermark/koa`)
}

const MISTAKE = 'a middleware in front of it answers and goes on all the same, or limits the time of a request'

interface Exchange {
  readonly req: Request
  readonly res: Response
  readonly next: NextFunction
  readonly respond: 'problem' | 'next'
  readonly warn: NodeGuard['warn']
  readonly isTooLate: IsTooLate
}

function applyVerdict(verdict: Verdict, { req, res, next, respond, warn, isTooLate }: Exchange): void {
  const unserved = verdict.outcome === 'allow' && isTooLate(req, res) ? 'unserved' : undefined
  if (verdict.finish !== undefined) watchResponse(req, res, verdict.finish, unserved)
  if (verdict.outcome === 'allow') {
    warn(verdict.observed)
    if (unserved !== undefined) return
    if (verdict.agent !== undefined) req.agent = verdict.agent
    if (verdict.fields.length > 0) announceFields(verdict.fields, res)
    next()
    return
  }
  const { refusal, reply } = verdict
  warn(refusal)
  // What waits for a person (202) is an answer: as an error Express would make a 500 of it.
  if (respond === 'next' && reply.status >= 400) {
    next(toHttpRefusal(refusal, reply, req, res))
  } else if (!res.headersSent) {
    writeReplyHead(reply, req, res)
    res.status(reply.status).end(reply.body)
  }
}
