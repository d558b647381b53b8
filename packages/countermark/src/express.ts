import { sentTarget } from '@countermark/core/internal'
import { createGuard, type ExpressGuardOptions } from '@countermark/express'
import type { RequestHandler } from 'express'
import { type Countermark, calledOtherwise, composeCountermark } from './compose-countermark.ts'
import { type CountermarkOptions, requireCountermarkOptions } from './countermark-options.ts'
import type { MetadataDocument } from './metadata-document.ts'

export { body, notUsed, param, query } from '@countermark/capability'
export { type AgentView, isMisconfigured, isRefusal } from '@countermark/core'
export { createHttpsServer, createServer } from '@countermark/express'
export { idempotency } from '@countermark/idempotency'
export { firstOf, fromFile, jwks, redisSecondLevel, registry, staticKeys } from '@countermark/keys'
export { memoryReplayStore, redisReplayStore } from '@countermark/replay'
export type { Countermark } from './compose-countermark.ts'
export type { CapabilityOptions, CountermarkOptions } from './countermark-options.ts'
export { type AuthorityLink, type FromAuthorityOptions, fromAuthority } from './from-authority/from-authority.ts'
export {
  auditTrail,
  auth0,
  createRevocations,
  entra,
  fileAnchor,
  fileSink,
  google,
  hashApiKey,
  keycloak,
  metricsHandler,
  okta,
  prometheusMetrics,
  spiffe,
} from './parts-on-first-use.ts'

interface ExpressOptions extends CountermarkOptions {
  /** `problem` answers refusals with problem+json; `next` hands them to the application's error handler. @default 'problem' */
  readonly respond?: NonNullable<ExpressGuardOptions['respond']>
}

/**
 * Guards an Express 4 or 5 application: mount it before body parsers.
 * @example
 * const agents = countermark({ origins: ['api.example.com'], keys, replay: redisReplayStore({ client }) })
 * app.use(agents)
 * app.post('/refunds', agents.require('refunds:create', { amount: body('/amount'), currency: body('/currency') }), handler)
 * @throws Misconfigured
 */
export function countermark(options: ExpressOptions): Countermark<RequestHandler> {
  const { respond = 'problem', ...shared } = requireCountermarkOptions(options, ['respond'])
  return composeCountermark<RequestHandler>(shared, {
    createGuard: (guarding) => createGuard({ ...guarding, respond }),
    publish,
    inOrder: (first, second) =>
      function countermarkMiddleware(req, res, next) {
        if (typeof next !== 'function') throw calledOtherwise('express', 'koa')
        first(req, res, (error?: unknown) => (error === undefined ? second(req, res, next) : next(error)))
      },
  })
}

function publish(document: MetadataDocument): RequestHandler {
  return function resourceMetadataMiddleware(req, res, next) {
    const answer = document.find(req, sentTarget(req, req.originalUrl))
    if (answer === undefined) next()
    else res.writeHead(answer.status, answer.headers).end(answer.body)
  }
}
