import express, { type Express, type RequestHandler } from 'express'
import { expressjwt, type Request } from 'express-jwt'
import { AUDIENCE, type ShopSettings } from '../shop-settings.ts'

export function createApp({ issuer, publicKey }: ShopSettings): Express {
  const app = express()
  app.use(expressjwt({ secret: publicKey, algorithms: ['RS256'], issuer, audience: AUDIENCE }))
  app.use(express.json())

  const requireScope =
    (scope: string): RequestHandler =>
    (req: Request, res, next) => {
      if (req.auth?.['scope'].split(' ').includes(scope)) next()
      else res.sendStatus(403)
    }

  app.get('/orders', requireScope('orders:read'), (req: Request, res) => {
    res.json({ orders: [], for: req.auth?.sub })
  })
  app.post('/refunds', requireScope('refunds:create'), (req: Request, res) => {
    res.status(201).json({ refund: req.body, for: req.auth?.sub })
  })
  return app
}
