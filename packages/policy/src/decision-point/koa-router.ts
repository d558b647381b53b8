import type { IncomingMessage } from 'node:http'
import type { ComposeGuard } from '@countermark/core/internal'
import { createDecisionPoint, type DecisionPointOptions, type PointAnswer } from './decision-point.ts'

/** A context of Koa, as far as it matters here. */
interface KoaContext {
  readonly req: IncomingMessage
  readonly method: string
  readonly path: string
  readonly set: (headers: Record<string, string>) => void
  status: number
  body: unknown
}

type KoaHandler = (ctx: KoaContext, next: () => Promise<unknown>) => Promise<unknown>

/**
 * Makes this service a decision point of AuthZEN 1.0 that gateways ask: `/access/v1/evaluation`, `/access/v1/evaluations`, and
 * `/.well-known/authzen-configuration`. Mount it behind a guard that proves the caller; what it says of subjects is the caller's word.
 * @throws Misconfigured `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 * @example
 * app.use(agents) // countermark({ … })
 * app.use(authzen(agents.guard, { engine: opaWasm({ … }), url: 'https://api.example.com' }))
 */
export function authzen<Handler>(guard: ComposeGuard<Handler>, options: DecisionPointOptions): Handler {
  const point = createDecisionPoint(options)
  const guarded = guard(point.check) as unknown as KoaHandler
  const middleware: KoaHandler = async function authzenMiddleware(ctx, next) {
    const place = point.find(ctx.method, ctx.path)
    if (place === undefined) return next()
    if ('answer' in place) return send(ctx, place.answer)
    point.expect(ctx.req, place.endpoint)
    return guarded(ctx, async () => send(ctx, point.answerOf(ctx.req)))
  }
  return middleware as unknown as Handler
}

function send(ctx: KoaContext, { status, headers, body }: PointAnswer): void {
  ctx.status = status
  ctx.set({ ...headers })
  ctx.body = body
}
