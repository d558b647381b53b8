import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Check } from '@countermark/core'
import { wasRefused } from '@countermark/core/internal'
import type { KeyState } from './answer-store.ts'
import { type Capture, captureAnswer, repeatAnswer } from './capture-answer.ts'
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
  /** Whether the caller still waits for an answer. */
  readonly writable: boolean
  readonly body?: unknown
  respond?: boolean | undefined
}

/** A middleware for Koa. */
export type KoaStep = (ctx: KoaExchange, next: () => Promise<unknown>) => Promise<void>

/** A middleware of Koa; see {@link ExpressHandler}. */
export type KoaMiddleware = { handle(ctx: KoaExchange, next: () => Promise<unknown>): unknown }['handle']

/** A request that may go on: as the first with its key, or to the answer that the first one got. */
export type Begun = Extract<KeyState, { state: 'first' | 'answered' }>

/** What steps share with the check that runs before them. */
export interface StepContext {
  /** By the message: no other code can say that a request has a key. */
  readonly begun: WeakMap<object, Begun>
  readonly maxBytes: number
}

/** Answers that mean that nothing was done yet: a retry must not get them again. */
const NOT_DONE: ReadonlySet<number> = new Set([401, 403, 408, 425, 429, 503])

/** The step for Express: the guard, then the answer or the handlers behind. */
export function createExpressStep(guarded: ExpressHandler, context: StepContext): ExpressStep {
  return function idempotencyMiddleware(req, res, next) {
    const proceed = watch(req, res, context)
    guarded(req, res, (error?: unknown) => {
      if (error !== undefined) return next(error)
      if (proceed() !== 'answered') next()
    })
  }
}

/** The step for Koa. */
export function createKoaStep(guarded: KoaMiddleware, context: StepContext): KoaStep {
  return async function idempotencyMiddleware(ctx, next) {
    const proceed = watch(ctx.req, ctx.res, context)
    await guarded(ctx, async () => {
      const capture = proceed()
      if (capture !== 'answered') return settleWhenGone(ctx, capture, next)
      // Koa has nothing left to write.
      ctx.respond = false
    })
  }
}

/** Koa answers nothing, or an empty body, when the caller went away while it worked. The answer is kept all the same. */
async function settleWhenGone(
  ctx: KoaExchange,
  capture: Capture | undefined,
  next: () => Promise<unknown>,
): Promise<void> {
  let body: Uint8Array | undefined
  try {
    await next()
    body = bytesOfKoa(ctx.body)
  } finally {
    if (!ctx.writable) await capture?.settle(body)
  }
}

/** As Koa writes it; `undefined` for a stream, which is not read any more. */
function bytesOfKoa(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return body
  const isPlain = typeof body === 'object' && !('pipe' in body) && !(body instanceof Blob)
  return isPlain ? Buffer.from(JSON.stringify(body)) : undefined
}

/**
 * A guard that refuses after the key was taken must not leave it taken. What is returned goes on once the guard lets pass: it
 * answers what was answered before, or takes down what will be.
 */
function watch(
  req: IncomingMessage,
  res: ServerResponse,
  { begun, maxBytes }: StepContext,
): () => Capture | undefined | 'answered' {
  let isReached = false
  res.once('close', () => {
    const state = begun.get(req)
    if (!isReached && state?.state === 'first') free(state)
  })
  return function proceed() {
    isReached = true
    const state = begun.get(req)
    if (state?.state === 'answered') {
      repeatAnswer(req, res, state.answer)
      return 'answered'
    }
    if (state === undefined) return undefined
    return captureAnswer(res, maxBytes, (answer) => {
      // Refused by a guard behind, or by the application before it began.
      if (wasRefused(req) || NOT_DONE.has(res.statusCode)) return state.abandon()
      return state.finish(answer)
    })
  }
}

function free({ abandon }: Extract<Begun, { state: 'first' }>): void {
  // The caller does not wait any more; a key that cannot be freed ends by itself.
  Promise.resolve()
    .then(abandon)
    .catch(() => undefined)
}
