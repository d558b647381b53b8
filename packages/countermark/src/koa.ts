import { sentTarget } from '@countermark/core/internal'
import { createGuard, type KoaGuardOptions } from '@countermark/koa'
import type { Middleware } from 'koa'
import { type Countermark, calledOtherwise, composeCountermark } from './compose-countermark.ts'
import { type CountermarkOptions, requireCountermarkOptions } from './countermark-options.ts'
import type { MetadataDocument } from './metadata-document.ts'

export { body, notUsed, param, query } from '@countermark/capability'
export { type AgentView, isMisconfigured, isRefusal } from '@countermark/core'
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

interface KoaOptions extends CountermarkOptions {
  /** `problem` answers refusals with problem+json; `throw` hands them to the application's error middleware. @default 'problem' */
  readonly respond?: NonNullable<KoaGuardOptions['respond']>
}

/**
 * Guards a Koa 2 or 3 application: mount it before body parsers.
 * @example
 * const agents = countermark({ origins: ['api.example.com'], keys, replay: redisReplayStore({ client }) })
 * app.use(agents)
 * router.post('/refunds', agents.require('refunds:create', { amount: body('/amount'), currency: body('/currency') }), handler)
 * @throws Misconfigured
 */
export function countermark(options: KoaOptions): Countermark<Middleware> {
  const { respond = 'problem', ...shared } = requireCountermarkOptions(options, ['respond'])
  return composeCountermark<Middleware>(shared, {
    createGuard: (guarding) => createGuard({ ...guarding, respond }),
    publish,
    inOrder: (first, second) =>
      function countermarkMiddleware(ctx, next) {
        if (typeof ctx?.req !== 'object') throw calledOtherwise('koa', 'express')
        return first(ctx, () => Promise.resolve(second(ctx, next)))
      },
  })
}

function publish(document: MetadataDocument): Middleware {
  return function resourceMetadataMiddleware(ctx, next) {
    const answer = document.find(ctx.req, sentTarget(ctx.req, ctx.originalUrl))
    if (answer === undefined) return next()
    ctx.status = answer.status
    ctx.set(answer.headers)
    ctx.body = answer.body
    return undefined
  }
}
