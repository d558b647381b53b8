import { type AgentView, type GuardOptions, Misconfigured } from '@countermark/core'
import { createGuardFactory, type Guard, type GuardFactory, isThenable, requireWord } from '@countermark/core/internal'
import {
  announceFields,
  createLateCheck,
  createNodeGuard,
  toHttpRefusal,
  watchResponse,
  writeReplyHead,
} from '@countermark/core/node'
import type { Context, Middleware, Next } from 'koa'
import { routeOf } from './route.ts'

/** What a guard adds to `ctx.state`, of whatever type an application says that it is: `new Koa<MyState>()`. */
interface AgentState {
  /** Who calls, on which proof; set by a guard that let the request pass. */
  agent?: AgentView
}

declare module 'koa' {
  interface ExtendableContext {
    /** The state of the request; `agent` is there behind a guard that let it pass. */
    state: AgentState
  }
}

/** Options of {@link createGuard} for Koa. */
export interface KoaGuardOptions extends GuardOptions {
  /** `problem` answers refusals with problem+json; `throw` hands them to the application's error middleware, except 202. @default 'problem' */
  readonly respond?: 'problem' | 'throw'
}

/**
 * Makes the guards of a Koa 2 or 3 application: `app.use(guard(verifySignature({ keys }), preventReplay({ store })))`.
 * @throws Misconfigured
 */
export function createGuard(options: KoaGuardOptions): GuardFactory<Middleware> {
  const { compose, judge, warn } = createNodeGuard(options, ['respond'])
  const respond = requireWord('respond', options.respond ?? 'problem', ['problem', 'throw'])
  const isTooLate = createLateCheck(MISTAKE)
  return createGuardFactory(compose, (guard: Guard) => {
    return async function agentGuardMiddleware(ctx: Context, next: Next): Promise<void> {
      if (!isContext(ctx, next)) throw mountedElsewhere()
      const { req, res, originalUrl } = ctx
      const pending = judge(guard, { message: req, originalUrl, route: () => routeOf(ctx) })
      const verdict = isThenable(pending) ? await pending : pending
      const unserved = verdict.outcome === 'allow' && isTooLate(req, res) ? 'unserved' : undefined
      if (verdict.finish !== undefined) watchResponse(req, res, verdict.finish, unserved)
      if (verdict.outcome === 'allow') {
        warn(verdict.observed)
        if (unserved !== undefined) return
        if (verdict.agent !== undefined) ctx.state.agent = verdict.agent
        if (verdict.fields.length > 0) announceFields(verdict.fields, res)
        return next()
      }
      const { refusal, reply } = verdict
      warn(refusal)
      // What waits for a person (202) is an answer, and no error.
      if (respond === 'throw' && reply.status >= 400) throw toHttpRefusal(refusal, reply, req, res)
      if (res.headersSent) return
      writeReplyHead(reply, req, res)
      ctx.status = reply.status
      ctx.body = reply.body
    }
  })
}

const MISTAKE = 'a middleware in front of it calls next() without await or return, or limits the time of a request'

function isContext(ctx: unknown, next: unknown): boolean {
  return typeof ctx === 'object' && ctx !== null && 'req' in ctx && 'state' in ctx && typeof next === 'function'
}

function mountedElsewhere(): Misconfigured {
  const mistake = 'a guard for Koa was called as other frameworks call middleware'
  return new Misconfigured('ERR_OPTION_INVALID', `${mistake}; for Express import createGuard from @countermark/express`)
}
