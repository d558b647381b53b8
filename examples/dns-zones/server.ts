import { requireCapability } from '@countermark/capability'
import type { KeySource } from '@countermark/core'
import { type IssuerOptions, verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express, { type Express } from 'express'

/** What the name server is told about the world around it. */
export interface NameServerOptions {
  readonly origin: () => string
  /** Keys of agents. */
  readonly keys: KeySource
  /** Who issues tokens to agents. */
  readonly issuer: Pick<IssuerOptions, 'issuer' | 'keys'>
}

/** A name server whose callers are agents; each may change the zones that its token names. */
export function createServer({ origin, keys, issuer }: NameServerOptions): Express {
  const guard = createGuard({ origins: () => [origin()] })
  // Plain tokens of agents that act for themselves: { sub, name, iat, exp, iss, scopes }.
  const agentTokens: IssuerOptions = {
    ...issuer,
    types: ['JWT'],
    actor: 'optional',
    missingAudience: 'accept',
    requiredClaims: [],
    maxLifetimeSeconds: 86_400,
  }

  const app = express()
  app.use(
    guard(
      verifySignature({ keys }),
      preventReplay({ store: memoryReplayStore() }),
      verifyDelegation({ issuers: [agentTokens], audience: 'https://dns.example.com' }),
    ),
  )
  app.use(express.json())

  // {zone} is what the request says in the place of :zone.
  const zones = express.Router()
  zones.get('/:zone', guard(requireCapability('dns:{zone}:read')), (req, res) => {
    res.json({ ...req.params, records: [] })
  })
  zones.put('/:zone/records/:name', guard(requireCapability('dns:{zone}:write')), (req, res) => {
    res.json({ ...req.params, by: req.agent?.id })
  })
  app.use('/zones', zones)
  return app
}
