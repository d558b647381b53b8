import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { AgentKey, ReplayStore } from '@countermark/core'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { httpSignatures, simpleHeaders, verifySignature } from '@countermark/signature'
import { createFakeClock, type FakeClock, keySourceOf, type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import multer from 'multer'
import * as undici from 'undici'
import { createAgentFetch, readRefusal, type UnderlyingFetch } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'

interface Shop {
  readonly origin: string
  readonly clock: FakeClock
  /** How many requests the guard was asked about. */
  readonly asked: () => number
  readonly close: StartedServer['close']
}

interface ShopOptions {
  readonly clock?: FakeClock
  readonly store?: ReplayStore
  readonly startedAt?: number
}

/** An ordinary shop behind a guard: JSON, forms, uploads. */
async function startShop(keys: readonly AgentKey[], options: ShopOptions = {}): Promise<Shop> {
  const { clock = createFakeClock() } = options
  const store = options.store ?? memoryReplayStore({ clock, startedAt: options.startedAt ?? clock.wallMs() })
  const accept = [
    httpSignatures(),
    simpleHeaders({ version: 1 }),
    simpleHeaders({ version: 0, routes: ['POST /legacy'] }),
  ]
  let asked = 0
  const guard = createGuard({ origins: () => [server.origin], clock })
  const app = express()
  app.use((_req, _res, next) => {
    asked++
    next()
  })
  app.use((_req, res, next) => {
    res.set('Date', new Date(clock.wallMs()).toUTCString())
    next()
  })
  app.use(guard(verifySignature({ keys: keySourceOf(...keys), accept }), preventReplay({ store })))
  app.use(express.json(), express.urlencoded({ extended: false }), express.raw({ type: 'application/octet-stream' }))
  app.post('/moved', (_req, res) => res.redirect(307, '/orders'))
  app.post('/upload', multer().single('file'), (req, res) =>
    res.json({ name: req.file?.originalname, note: req.body.note }),
  )
  app.all('/{*path}', (req, res) =>
    res.status(201).json({
      agent: req.agent?.id,
      scheme: req.agent?.scheme,
      body: Buffer.isBuffer(req.body) ? req.body.toString() : req.body,
    }),
  )
  const server = await startServer(app)
  return { origin: server.origin, clock, asked: () => asked, close: server.close }
}

let buyer: AgentWithKey
let shop: Shop
beforeAll(async () => {
  buyer = await createAgentWithKey()
  const legacy: AgentKey = { ...buyer.publicKey, schemes: ['simple-v0'], agent: { id: 'agt_legacy', state: 'active' } }
  shop = await startShop([buyer.publicKey, legacy])
})
afterAll(() => shop.close())

const order = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' },
  body: JSON.stringify({ item: 'kettle' }),
}

describe('a guarded Express application', () => {
  it.each(['httpsig', 'simple-v1'] as const)('admits an agent that signs in form %s', async (form) => {
    const agentFetch = buyer.createFetch({ origins: [shop.origin], form, authorization: 'Bearer t' })
    const response = await agentFetch(`${shop.origin}/orders?dry_run=true`, order)
    expect([response.status, await response.json()]).toEqual([
      201,
      { agent: 'agt_buyer', scheme: form, body: { item: 'kettle' } },
    ])
    expect((await agentFetch(`${shop.origin}/orders/7`)).status).toBe(201)
  })

  it('admits form simple-v0 on a listed route', async () => {
    const agentFetch = createAgentFetch({
      agentId: 'agt_legacy',
      key: buyer.privateKey,
      clock: buyer.clock,
      form: 'simple-v0',
      origins: [shop.origin],
    })
    expect(await (await agentFetch(`${shop.origin}/legacy`, order)).json()).toMatchObject({ scheme: 'simple-v0' })
    expect(await readRefusal(await agentFetch(`${shop.origin}/orders`, order))).toMatchObject({
      code: 'scheme_not_allowed',
    })
  })

  it('admits an agent whose key is in a key management service', async () => {
    const agentFetch = createAgentFetch({
      agentId: 'agt_buyer',
      sign: (bytes) => buyer.agent.sign(bytes),
      algorithm: 'ed25519',
      keyId: buyer.agent.keyId,
      clock: buyer.clock,
      origins: [shop.origin],
    })
    expect((await agentFetch(`${shop.origin}/orders`, order)).status).toBe(201)
  })

  it('admits compressed, streamed, form and multipart bodies', async () => {
    const agentFetch = buyer.createFetch({ origins: [shop.origin] })
    const post = async (init: object): Promise<unknown> =>
      (await agentFetch(`${shop.origin}/orders`, { method: 'POST', ...init })).json()
    const json = { 'content-type': 'application/json' }
    expect(await post({ body: gzipSync('{"a":1}'), headers: { ...json, 'content-encoding': 'gzip' } })).toMatchObject({
      body: { a: 1 },
    })
    expect(await post({ body: Readable.from([Buffer.from('{"a"'), Buffer.from(':2}')]), headers: json })).toMatchObject(
      { body: { a: 2 } },
    )
    expect(await post({ body: new URLSearchParams({ a: '3' }) })).toMatchObject({ body: { a: '3' } })
    const form = new FormData()
    form.append('note', 'ü')
    form.append('file', new Blob([await readFile(__filename)]), 'kettle.txt')
    const uploaded = await agentFetch(`${shop.origin}/upload`, { method: 'POST', body: form })
    expect(await uploaded.json()).toEqual({ name: 'kettle.txt', note: 'ü' })
  })

  it('admits a redirected request', async () => {
    const response = await buyer.createFetch({ origins: [shop.origin] })(`${shop.origin}/moved`, order)
    expect(await response.json()).toMatchObject({ body: { item: 'kettle' } })
  })

  it('admits the fetch of undici', async () => {
    const fetchUnderneath: UnderlyingFetch = undici.fetch
    const response = await buyer.createFetch({ origins: [shop.origin], fetch: fetchUnderneath })(
      `${shop.origin}/orders`,
      order,
    )
    expect(response.status).toBe(201)
  })

  it('tells a stranger why it is refused', async () => {
    const stranger = await createAgentWithKey()
    const response = await stranger.createFetch({ origins: [shop.origin] })(`${shop.origin}/orders`, order)
    expect(await readRefusal(response)).toMatchObject({ status: 401, code: 'key_unknown', retry: 'no' })
  })
})

describe('a guard that cannot remember the past', () => {
  it.each(['httpsig', 'simple-v1'] as const)('gets its nonce signed in form %s', async (form) => {
    const clock = createFakeClock()
    const restarted = await startShop([buyer.publicKey], { clock, startedAt: clock.wallMs() + 2000 })
    const agentFetch = createAgentFetch({
      agentId: 'agt_buyer',
      key: buyer.privateKey,
      clock,
      form,
      origins: [restarted.origin],
    })
    const response = await agentFetch(`${restarted.origin}/orders`, order)
    await restarted.close()
    expect(await response.json()).toMatchObject({ agent: 'agt_buyer', scheme: form })
    expect(restarted.asked()).toBe(2)
  })
})

describe('two clocks', () => {
  it.each([
    ['httpsig', 1800],
    ['httpsig', -1800],
    ['simple-v1', 1800],
    ['simple-v1', -1800],
  ] as const)('agree in form %s when the server is %i s ahead', async (form, seconds) => {
    const clock = createFakeClock(buyer.clock.wallMs() + seconds * 1000)
    const ahead = await startShop([buyer.publicKey], { clock, startedAt: clock.wallMs() - 3_600_000 })
    const agentFetch = buyer.createFetch({ origins: [ahead.origin], form })
    const statuses = [
      await agentFetch(`${ahead.origin}/orders`, order),
      await agentFetch(`${ahead.origin}/orders`, order),
    ]
    await ahead.close()
    expect(statuses.map(({ status }) => status)).toEqual([201, 201])
    expect(ahead.asked()).toBe(3)
  })
})

describe('a replay store that is away for a moment', () => {
  it('costs a wait, not an order', async () => {
    const clock = createFakeClock()
    const memory = memoryReplayStore({ clock })
    let failures = 2
    const store: ReplayStore = {
      ...memory,
      claim: (claim, environment) =>
        failures-- > 0 ? Promise.reject(new Error('away')) : memory.claim(claim, environment),
    }
    const busy = await startShop([buyer.publicKey], { clock, store })
    const waits: number[] = []
    const agentFetch = createAgentFetch({
      agentId: 'agt_buyer',
      key: buyer.privateKey,
      clock,
      origins: [busy.origin],
      delay: async (ms) => {
        waits.push(ms)
        clock.advance(ms)
      },
    })
    const { headers: _headers, ...once } = order
    const response = await agentFetch(`${busy.origin}/orders`, {
      ...once,
      headers: { 'content-type': 'application/json' },
    })
    await busy.close()
    expect([response.status, waits.length]).toEqual([201, 2])
  })
})
