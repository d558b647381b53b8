import type { GuardFactory } from '@countermark/core/internal'
import type { Idempotency } from '@countermark/idempotency'
import type { RequestHandler } from 'express'
import type { Middleware } from 'koa'

/** Puts the step for repeated requests into a route of a framework. */
export type WithIdempotency<Handler> = (idempotent: Idempotency, guard: GuardFactory<Handler>) => Handler

/** As a user of Express writes it. */
export const EXPRESS_STEP: WithIdempotency<RequestHandler> = (idempotent, guard) => idempotent.express(guard)

/** As a user of Koa writes it. */
export const KOA_STEP: WithIdempotency<Middleware> = (idempotent, guard) => idempotent.koa(guard)
