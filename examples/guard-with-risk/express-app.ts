import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express from 'express'
import type { CreateApp } from './guarded.ts'

/** Refunds behind a guard that also looks at how agents behave. */
export const createExpressApp: CreateApp = ({ origin, keys, risk, alerts }) => {
  const guard = createGuard({ origins: () => [origin()], observers: [risk.observer, alerts] })
  const app = express()
  app.use(guard(verifySignature({ keys }), preventReplay({ store: memoryReplayStore() }), risk))
  app.get('/refunds', (req, res) => void res.json({ level: req.agent?.risk?.level }))
  app.post('/refunds', (_req, res) => void res.status(201).json({}))
  return app
}
