import type { KeySource } from '@countermark/core'
import type { IssuerOptions } from '@countermark/delegation'
import { memoryReplayStore } from '@countermark/replay'
import { countermark } from 'countermark/express'
import express, { type Express } from 'express'

/** What the shop is told about the world around it. */
export interface ShopOptions {
  /** Where it is reached, which is also its name at the identity provider. */
  readonly origin: string
  readonly identityProvider: string
  /** Keys of agents, for what has to be signed. */
  readonly keys: KeySource
}

/** A shop whose users send agents: they log in at the identity provider that the shop has anyway. */
export function createServer({ origin, identityProvider, keys }: ShopOptions): Express {
  const issuer: IssuerOptions = {
    issuer: identityProvider, // its keys are discovered
    actorClaims: ['client_id'], // it writes no `act`: the application that a user let in is the agent
    agentIds: { 'shopping-assistant': 'agt_7f2k9x' }, // what it is called there, and here
    http: { allowHttp: true, allowPrivateAddresses: true, ports: 'any' }, // here it runs on this machine
  }
  const agents = countermark({
    origins: [origin],
    keys,
    replay: memoryReplayStore(),
    delegation: { issuers: [issuer], audience: origin, dpop: {} },
  })

  const app = express()
  app.use(agents.metadata)

  // Reading takes a token and a proof of its key: no key of the agent has to be known here.
  app.get('/orders', agents.withoutSignature(), agents.require('orders:read'), (req, res) => {
    const { id: by, level, delegation } = req.agent ?? {}
    res.json({ orders: ['kettle'], for: delegation?.subject, by, level })
  })

  // A proof says nothing about the body, so what changes something is signed, too.
  app.post('/orders', agents, agents.require('orders:write'), express.json(), (req, res) => {
    const { id: by, level, delegation } = req.agent ?? {}
    res.status(201).json({ ordered: req.body, for: delegation?.subject, by, level })
  })
  return app
}
