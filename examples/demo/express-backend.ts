import { createGuard } from '@countermark/express'
import express from 'express'
import multer from 'multer'
import { readBackendConfig } from './backend-config.ts'
import { createChecks } from './checks.ts'

const config = readBackendConfig()
const [signature, replay] = createChecks(config)
const guard = createGuard({ authorities: config.origins, maxBodyBytes: 4_000_000, open: { paths: ['/healthz'] } })

const app = express()
app.use(guard(signature, replay))
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
app.listen(config.port, '127.0.0.1', () => process.send?.('ready'))
