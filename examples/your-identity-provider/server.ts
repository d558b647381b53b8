import { requireCapability } from '@countermark/capability'
import type { KeySource } from '@countermark/core'
import { verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express, { type Express } from 'express'

/** What the shop is told about the world around it. */
export interface ShopOptions {
  readonly origin: () => string
  /** The name of this API at the identity provider. */
  readonly audience: string
  readonly identityProvider: string
  /** Keys of agents, for what has to be signed. */
  readonly keys: KeySource
}

/** A shop whose users send agents: the users log in at the identity provider that the shop has anyway. */
export function createServer({ origin, audience, identityProvider, keys }: ShopOptions): Express {
  const store = memoryReplayStore()
  const guard = createGuard({ authorities: () => [origin()] })
  const delegation = verifyDelegation({
    audience,
    issuers: [
      {
        issuer: identityProvider, // keys are discovered
        actorClaims: ['client_id'], // it writes no `act`: the application that asked for the token is the agent
        agentIds: { 'shopping-assistant': 'agt_7f2k9x' }, // its name there, and here
        http: { allowHttp: true, allowPrivateAddresses: true, ports: 'any' }, // it runs on this machine
      },
    ],
    dpop: { store },
    httpSignatureForJkt: true, // whoever signs the request with the token's key needs no proof beside it
  })

  const app = express()
  // Reading takes the token and a DPoP proof: no key of the agent has to be known here.
  app.get('/orders', guard(delegation, requireCapability('orders:read')), (req, res) => {
    res.json({ orders: ['kettle'], for: req.agent?.delegation?.subject, by: req.agent?.id, level: req.agent?.level })
  })
  // A proof says nothing about the body, so writing is signed.
  app.post(
    '/orders',
    guard(verifySignature({ keys }), preventReplay({ store }), delegation, requireCapability('orders:write')),
    express.json(),
    (req, res) => {
      const { id: by, level, delegation: { subject } = {} } = req.agent ?? {}
      res.status(201).json({ ordered: req.body, for: subject, by, level })
    },
  )
  return app
}
