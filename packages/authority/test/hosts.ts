import type { RequestListener } from 'node:http'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import mount from 'koa-mount'
import Koa2 from 'koa2'
import type { Authority } from '../src/index.ts'

type Host = (authority: Authority) => RequestListener

/** Where an authority is mounted, by name, under `/authority`. */
export const HOSTS: Readonly<Record<string, Host>> = {
  'Express 5': ({ handle }) => express5().use('/authority', (req, res) => void handle(req, res)),
  'Express 4': ({ handle }) => express4().use('/authority', (req, res) => void handle(req, res)),
  'Koa 3': (authority) => koa(new Koa3(), authority),
  'Koa 2': (authority) => koa(new Koa2(), authority),
}

function koa(app: Koa3, { handle }: Authority): RequestListener {
  const mounted = mount('/authority', (ctx: Koa3.Context) => {
    ctx.respond = false
    return handle(ctx.req, ctx.res, ctx.originalUrl)
  })
  return app.use(mounted).callback()
}
