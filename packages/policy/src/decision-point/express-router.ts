import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ComposeGuard } from '@countermark/core/internal'
import { createDecisionPoint, type DecisionPointOptions, type PointAnswer } from './decision-point.ts'

/** Middleware of Express, as far as it matters here. */
type NodeHandler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => unknown

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
  const guarded = guard(point.check) as unknown as NodeHandler
  const middleware: NodeHandler = function authzenMiddleware(request, response, next) {
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    const place = point.find(request.method, path)
    if (place === undefined) return next()
    if ('answer' in place) return send(response, place.answer)
    point.expect(request, place.endpoint)
    return guarded(request, response, (error) => {
      if (error === undefined) send(response, point.answerOf(request))
      else next(error)
    })
  }
  return middleware as unknown as Handler
}

function send(response: ServerResponse, { status, headers, body }: PointAnswer): void {
  response.writeHead(status, { ...headers }).end(body)
}
