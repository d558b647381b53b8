import type { KeyObject } from 'node:crypto'
import { createHeaderFields } from '@countermark/core'
import { type SignableRequest, signResponse } from '@countermark/signature'
import type { Context, Middleware } from 'koa'

/** Signs JSON answers, bound to the request's own signature, so that an agent knows who answered what. */
export function signKoaResponse(key: KeyObject): Middleware {
  return async function signKoaResponseMiddleware(ctx: Context, next) {
    await next()
    const { agent } = ctx.state
    if (agent?.proof?.label === undefined) return
    const { status, method } = ctx
    // Nobody may have answered, which is a 404 and an answer too. HEAD is answered without content.
    const content = Buffer.from(JSON.stringify(ctx.body ?? {}))
    ctx.set('Content-Type', 'application/json')
    ctx.body = content
    ctx.status = status
    const signing = { key, keyid: 'billing', created: Math.floor(Date.now() / 1000), requestLabel: agent.proof.label }
    const fields = await signResponse(
      { status, headers: headersOf(ctx), request: requestOf(ctx) },
      method === 'HEAD' ? signing : { ...signing, content },
    )
    for (const [name, value] of fields) ctx.set(name, value)
  }
}

function headersOf(ctx: Context): ReturnType<typeof createHeaderFields> {
  return createHeaderFields(Object.entries(ctx.response.headers).flatMap(([name, value]) => [name, String(value)]))
}

function requestOf(ctx: Context): SignableRequest {
  const { method, originalUrl: target, req } = ctx
  return { method, target, scheme: 'http', authority: ctx.host, headers: createHeaderFields(req.rawHeaders) }
}
