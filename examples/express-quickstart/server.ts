import { createGuard } from '@countermark/express'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express, { type Express } from 'express'

/** An Express application whose callers are agents that sign their requests. */
export function createServer(options: {
  readonly origin: () => string
  readonly agentKeys: Readonly<Record<string, string>>
}): Express {
  const keys = staticKeys(Object.entries(options.agentKeys).map(([agentId, key]) => ({ agentId, key })))
  const guard = createGuard({ origins: () => [options.origin()] })

  const app = express()
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() })))
  app.use(express.json())
  app.post('/orders', (req, res) => {
    res.status(201).json({ order: req.body, placedBy: req.agent?.id })
  })
  return app
}
