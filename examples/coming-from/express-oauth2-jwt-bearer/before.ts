import express, { type Express } from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import { AUDIENCE, type ShopSettings } from '../shop-settings.ts'

export function createApp({ issuer, jwksUri }: ShopSettings): Express {
  const app = express()
  app.use(auth({ issuer, jwksUri, audience: AUDIENCE }))
  app.use(express.json())

  app.get('/orders', requiredScopes('orders:read'), (req, res) => {
    res.json({ orders: [], for: req.auth?.payload.sub })
  })
  app.post('/refunds', requiredScopes('refunds:create'), (req, res) => {
    res.status(201).json({ refund: req.body, for: req.auth?.payload.sub })
  })
  return app
}
