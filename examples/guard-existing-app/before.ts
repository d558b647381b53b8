import express, { type ErrorRequestHandler, type Express, Router } from 'express'

/** An ordinary shop: body parsers, a router, an error handler. Nobody asks who calls. */
export function createApp(): Express {
  const app = express()

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
