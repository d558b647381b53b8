import { createGuard, type ExpressGuardOptions } from '@countermark/express'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express, { type ErrorRequestHandler, type Express, Router } from 'express'

/** The same shop, guarded: {@link ./before.ts} and the lines that were added. */
export function createApp(options: ExpressGuardOptions & { readonly keyFile: string }): Express {
  const app = express()
  const { keyFile, ...guardOptions } = options
  const guard = createGuard({ open: { paths: ['/healthz'] }, ...guardOptions })
  app.use(guard(verifySignature({ keys: fromFile(keyFile) }), preventReplay({ store: memoryReplayStore() })))

  app.get('/healthz', (_req, res) => void res.send('ok'))
  app.use(express.json())
  app.use(express.urlencoded({ extended: false }))

  const orders = Router()
  orders.get('/:id', (req, res) => void res.json({ id: req.params.id, state: 'shipped' }))
  orders.post('/', (req, res) => void res.status(201).json({ received: req.body }))
  orders.post('/:id/refund', () => {
    throw new Error('the payment provider is down')
  })
  app.use('/v1/orders', orders)

  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ error: error.message })
  }
  app.use(onError)
  return app
}
