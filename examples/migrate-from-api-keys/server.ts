import type { RequestListener } from 'node:http'
import { type CountermarkOptions, countermark as forExpress, hashApiKey } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import { KEYS } from './days.ts'

/** Makes the service, with countermark or, before the first day, without. */
export type CreateApp = (options: CountermarkOptions | undefined, hasOwnCheck: boolean) => RequestListener

const owners = new Map(Object.entries(KEYS).map(([agent, key]) => [hashApiKey(key), agent]))

/** Finds a key by what the service keeps of it. */
export function findKey(sha256: string): { readonly sha256: string; readonly agent: string } | undefined {
  const agent = owners.get(sha256)
  return agent === undefined ? undefined : { sha256, agent }
}

/** The check that the service always had. */
function isKnown(key: string | string[] | undefined): boolean {
  return typeof key === 'string' && owners.has(hashApiKey(key))
}

/** The service on Express. */
export function createExpressApp(options: CountermarkOptions | undefined, hasOwnCheck: boolean): RequestListener {
  const app = express()
  if (options !== undefined) app.use(forExpress(options))
  app.use((req, res, next) => {
    if (!hasOwnCheck || isKnown(req.headers['x-api-key'])) next()
    else res.status(401).json({ error: 'an API key is required' })
  })
  app.get('/orders', (req, res) => void res.json({ orders: [], by: req.agent?.id ?? null }))
  return app
}

/** The same service on Koa. */
export function createKoaApp(options: CountermarkOptions | undefined, hasOwnCheck: boolean): RequestListener {
  const app = new Koa()
  if (options !== undefined) app.use(forKoa(options))
  app.use(async (ctx, next) => {
    if (!hasOwnCheck || isKnown(ctx.headers['x-api-key'])) return next()
    ctx.status = 401
    ctx.body = { error: 'an API key is required' }
    return undefined
  })
  app.use((ctx) => {
    ctx.body = { orders: [], by: ctx.state.agent?.id ?? null }
  })
  return app.callback()
}
