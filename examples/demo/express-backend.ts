import { createGuard } from '@countermark/express'
import { countermark } from 'countermark/express'
import express from 'express'
import multer from 'multer'
import { readBackendConfig } from './backend-config.ts'
import { callerOf } from './caller.ts'
import { createChecks, createGuardOptions } from './checks.ts'
import { linkToAuthority, managedOptions, REFUND } from './managed-routes.ts'
import { createObservation } from './seeing/observation.ts'
import { serve } from './serve.ts'

const config = readBackendConfig()
const checks = createChecks(config)
const observation = createObservation(config)
const guard = createGuard({ ...createGuardOptions(config, observation), maxBodyBytes: 4_000_000 })

const app = express()

// Here an authority says who calls, for whom, and what is stopped.
const link = linkToAuthority(config)
const managed = countermark(managedOptions(config, link, { observation, store: checks.store }))
app.use('/managed', managed)
app.get('/managed/orders', managed.require('orders:read'), (req, res) => void res.json(callerOf(req.agent)))
app.post(
  '/managed/refunds',
  managed.require('refunds:create', REFUND),
  (req, res) => void res.status(201).json(callerOf(req.agent)),
)

// A token alone will do here: to read, anybody's that has one; to write, one that a key was shown for.
app.get(
  '/catalogue',
  guard(checks.unsignedToken, checks.readCatalogue),
  (req, res) => void res.json(callerOf(req.agent)),
)
app.post(
  '/reviews',
  guard.with({ minimumLevel: 'bound' })(checks.unsignedToken, checks.writeReview),
  (req, res) => void res.status(201).json(callerOf(req.agent)),
)

app.use(guard(checks.signature, checks.replay))
app.use(express.json({ limit: '4mb' }))
app.get('/healthz', (_req, res) => void res.send('ok'))
app.get('/orders', (req, res) => void res.json({ agent: req.agent?.id, page: req.query['page'] }))
app.post('/orders', (req, res) => void res.status(201).json({ agent: req.agent?.id, item: req.body?.item }))
app.post(
  '/documents',
  multer().single('file'),
  (req, res) => void res.status(201).json({ agent: req.agent?.id, bytes: req.file?.size }),
)
app.post('/uploads', express.raw({ type: '*/*', limit: '4mb' }), (req, res) => {
  res.status(201).json({ agent: req.agent?.id, bytes: Buffer.isBuffer(req.body) ? req.body.length : 0 })
})
app.delete('/orders', (_req, res) => void res.status(204).end())

// From here on somebody must have said for whom, and how far.
let refunds = 0
app.use(guard(checks.token))
app.get('/customers/:customer', guard(checks.readCustomer), (req, res) => void res.json(callerOf(req.agent)))
app.delete('/customers/:customer', guard(checks.closeAccount), (req, res) => void res.json(callerOf(req.agent)))
app.post('/refunds', checks.idempotent.express(guard), guard(checks.createRefund), (req, res) => {
  res.status(201).json({ ...callerOf(req.agent), refund: ++refunds })
})

await link.ready()
await serve(app, config, { ...checks, ...observation })
