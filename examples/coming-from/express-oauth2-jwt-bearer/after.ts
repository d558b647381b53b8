import { auth0, countermark, fromFile } from 'countermark/express'
import express, { type Express } from 'express'
import { AUDIENCE, type ShopSettings } from '../shop-settings.ts'

export function createApp({ issuer, jwks, agentsFile, revocations }: ShopSettings): Express {
  const app = express()
  const tokens = auth0(new URL(issuer).host, { keys: { jwks } })
  const agents = countermark({
    origins: ['https://shop.example.com'],
    keys: fromFile(agentsFile),
    delegation: { issuers: [tokens], audience: AUDIENCE, revocations },
  })
  app.use(agents)
  app.use(express.json())

  app.get('/orders', agents.require('orders:read'), (req, res) => {
    res.json({ orders: [], for: req.agent?.delegation?.subject })
  })
  app.post('/refunds', agents.require('refunds:create'), (req, res) => {
    res.status(201).json({ refund: req.body, for: req.agent?.delegation?.subject })
  })
  return app
}
