import {
  type AgentView,
  createGuardFactory,
  type Guard,
  type GuardFactory,
  type GuardOptions,
  type Reply,
} from '@countermark/core'
import { createNodeGuard, shouldClose } from '@countermark/core/node'
import type { Context, Middleware, Next } from 'koa'
import { routeOf } from './route.ts'

declare module 'koa' {
  interface DefaultState {
    /** Who calls, on which proof; set by a guard that let the request pass. */
    agent?: AgentView
  }
}

/** Options of {@link createGuard} for Koa. */
export interface KoaGuardOptions extends GuardOptions {
  /** `problem` answers refusals with problem+json; `throw` hands them to the application's error middleware. @default 'problem' */
  readonly respond?: 'problem' | 'throw'
}

/**
 * Makes the guards of a Koa 2 or 3 application: `app.use(guard(verifySignature({ keys }), preventReplay({ store })))`.
 * @throws Misconfigured
 */
export function createGuard(options: KoaGuardOptions): GuardFactory<Middleware> {
  const { respond = 'problem' } = options
  const { compose, toAgentRequest } = createNodeGuard(options, ['respond'])
  return createGuardFactory(compose, (guard: Guard) => {
    return async function agentGuardMiddleware(ctx: Context, next: Next): Promise<void> {
      const verdict = await guard(
        toAgentRequest({ message: ctx.req, originalUrl: ctx.originalUrl, route: () => routeOf(ctx) }),
      )
      const { finish } = verdict
      if (finish !== undefined) ctx.res.once('close', () => finish(ctx.res.statusCode, !ctx.res.writableFinished))
      if (verdict.outcome === 'allow') {
        if (verdict.agent !== undefined) ctx.state.agent = verdict.agent
        return next()
      }
      if (respond === 'throw') throw Object.assign(verdict.refusal, describeRefusal(verdict.reply))
      answer(ctx, verdict.reply)
    }
  })
}

function describeRefusal(reply: Reply): { status: number; headers: Readonly<Record<string, string>>; expose: boolean } {
  return { status: reply.status, headers: Object.fromEntries(reply.headers), expose: true }
}

function answer(ctx: Context, reply: Reply): void {
  for (const [name, value] of reply.headers) ctx.append(name, value)
  if (shouldClose(ctx.req)) ctx.set('Connection', 'close')
  ctx.status = reply.status
  ctx.body = reply.body
}
