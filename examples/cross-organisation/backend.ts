import type { RequestListener } from 'node:http'
import { type AuthorityLink, countermark, fromAuthority } from 'countermark/express'
import express from 'express'
import { DOOR_TOKEN } from './organisation.ts'

/** The seller's backend: it knows its own authority, and nothing of buyers. */
export function createOrders(
  origin: string,
  authority: string,
): { readonly listener: RequestListener; readonly link: AuthorityLink } {
  const here = { allowHttp: true, allowPrivateAddresses: true }
  const link = fromAuthority(authority, { door: 'orders', token: DOOR_TOKEN, audience: origin, ...here })
  const agents = countermark({ origins: [origin], authority: link, delegation: { audience: origin } })
  const app = express().use(agents)
  app.get('/orders', agents.require('orders:read'), (req, res) => {
    res.json({ agent: req.agent?.id, for: req.agent?.delegation?.subject })
  })
  app.post('/orders', agents.require('orders:create'), (_req, res) => void res.status(201).json({}))
  return { listener: app, link }
}
