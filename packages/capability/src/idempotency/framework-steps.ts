import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Check } from '@countermark/core'
import type { KeyHolder } from './keyed-request.ts'

/** Makes a guard of a check: `createGuard` returns one. */
export type GuardWith<Handler> = (check: Check<KeyHolder, object>) => Handler

/** What goes on to the next handler of Express. */
export type ExpressNext = (error?: unknown) => void

/** A handler for Express. */
export type ExpressStep = (req: IncomingMessage, res: ServerResponse, next: ExpressNext) => void

/** A handler of Express. Written as a method, so that handlers of Express' own, narrower types fit. */
export type ExpressHandler = { handle(req: IncomingMessage, res: ServerResponse, next: ExpressNext): unknown }['handle']

/** A context of Koa, as far as it matters here. */
export interface KoaExchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Whether somebody is left to answer. */
  readonly writable: boolean
  readonly body?: unknown
  respond?: boolean | undefined
}

/** A middleware for Koa. */
export type KoaStep = (ctx: KoaExchange, next: () => Promise<unknown>) => Promise<void>

/** A middleware of Koa; see {@link ExpressHandler}. */
export type KoaMiddleware = { handle(ctx: KoaExchange, next: () => Promise<unknown>): unknown }['handle']
