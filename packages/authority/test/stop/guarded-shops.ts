import type { RequestListener } from 'node:http'
import type { Clock } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { type AuthorityLink, countermark as forExpress } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'

/** What a shop is guarded with. */
export interface ShopOptions {
  readonly authority: AuthorityLink
  readonly clock: Clock
}

/** Where callers sign that the shop is. */
export const SHOP = 'http://shop.test'

/** A shop that answers every request of a known agent with 200, on each framework. */
export const SHOPS: Readonly<Record<string, (options: ShopOptions) => RequestListener>> = {
  'Express 5': (options) =>
    express5()
      .use(forExpress(shared(options)))
      .use((_req, res) => void res.json({})),
  'Express 4': (options) =>
    express4()
      .use(forExpress(shared(options)))
      .use((_req: unknown, res: { readonly json: (body: object) => void }) => void res.json({})),
  'Koa 3': (options) => koa(new Koa3(), options),
  'Koa 2': (options) => koa(new Koa2(), options),
}

function koa(app: Koa3, options: ShopOptions): RequestListener {
  return app
    .use(forKoa(shared(options)))
    .use((ctx) => {
      ctx.body = {}
    })
    .callback()
}

function shared({ authority, clock }: ShopOptions) {
  const replay = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true })
  return { origins: [SHOP], authority, clock, replay, sourceLimit: 'off' as const, onRefusal: () => undefined }
}
