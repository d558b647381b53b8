import { isMisconfigured } from '@countermark/core'
import { createGuard as createExpressGuard } from '@countermark/express'
import { staticKeys } from '@countermark/keys'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { memoryReplayStore, redisReplayStore } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestEnvironment } from '@countermark/testing'
import { countermark as expressCountermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express, { type RequestHandler } from 'express'
import express4 from 'express4'
import { Redis } from 'ioredis'
import Koa, { type Middleware } from 'koa'
import Koa2 from 'koa2'
import { createClient } from 'redis'
import request from 'supertest'
import { useCapturedWarnings } from '../../packages/testing/src/adapters/guarded-app.ts'

const GUARDING = { origins: ['api.example.com'] }
const keys = staticKeys([])
const options = () => ({ ...GUARDING, keys, replay: memoryReplayStore() })

/** What a person does who knows one of the frameworks and reads no further. */
const MISTAKES: readonly (readonly [name: string, onExpress: () => unknown, onKoa: () => unknown, said: string])[] = [
  [
    'app.use(guard)',
    () => createExpressGuard(GUARDING),
    () => createKoaGuard(GUARDING),
    'write app.use(guard(verifySignature({ keys }), preventReplay({ store })))',
  ],
  [
    'app.use(verifySignature(…))',
    () => verifySignature({ keys, replay: 'elsewhere' }),
    () => verifySignature({ keys, replay: 'elsewhere' }),
    'write app.use(guard(verifySignature(…)))',
  ],
  [
    'app.use(countermark)',
    () => expressCountermark,
    () => koaCountermark,
    'write app.use(countermark({ origins, keys }))',
  ],
]

async function errorOnExpress(create: typeof express, middleware: unknown): Promise<unknown> {
  const app = create()
  let seen: unknown
  app.use(middleware as RequestHandler)
  app.use(((error, _req, res, _next) => {
    seen = error
    res.status(500).end()
  }) as express.ErrorRequestHandler)
  await request(app).get('/').expect(500)
  return seen
}

async function errorOnKoa(Framework: typeof Koa, middleware: unknown): Promise<unknown> {
  const app = new Framework()
  let seen: unknown
  app.on('error', (error: unknown) => {
    seen = error
  })
  app.use(middleware as Middleware)
  await request(app.callback()).get('/').expect(500)
  return seen
}

describe.each(MISTAKES)('%s', (_name, onExpress, onKoa, said) => {
  it.each([
    ['Express 5', () => errorOnExpress(express, onExpress())],
    ['Express 4', () => errorOnExpress(express4, onExpress())],
    ['Koa 3', () => errorOnKoa(Koa, onKoa())],
    ['Koa 2', () => errorOnKoa(Koa2, onKoa())],
  ])('is told how to write it on %s', async (_framework, provoke) => {
    const error = await provoke()
    expect(isMisconfigured(error) && error.message).toContain(said)
  })
})

describe('a guard of the other framework', () => {
  it('says which one to import: Koa in Express', async () => {
    const guard = createKoaGuard(GUARDING)()
    const error = await errorOnExpress(express, guard)
    expect(isMisconfigured(error) && error.message).toContain('import createGuard from @countermark/express')
  })

  it('says which one to import: Express in Koa', async () => {
    const error = await errorOnKoa(Koa, createExpressGuard(GUARDING)())
    expect(isMisconfigured(error) && error.message).toContain('import createGuard from @countermark/koa')
  })

  it('says so for the umbrella, too, which is also what agents() gets', async () => {
    expect(await errorOnExpress(express, koaCountermark(options()))).toMatchObject({
      message: expect.stringContaining('import it from countermark/express'),
    })
    expect(await errorOnKoa(Koa, expressCountermark(options()))).toMatchObject({
      message: expect.stringContaining('import it from countermark/koa'),
    })
    const call = (agents: unknown) => () => (agents as () => unknown)()
    expect(call(expressCountermark(options()))).toThrow('pass it without calling it: app.use(agents)')
    expect(call(koaCountermark(options()))).toThrow('pass it without calling it: app.use(agents)')
  })
})

describe('a client of Redis', () => {
  it('is an option, not the options', () => {
    const client = new Redis({ lazyConnect: true })
    expect(() => redisReplayStore(client as never)).toThrow('redisReplayStore({ client })')
    expect(() => redisReplayStore(createClient() as never)).toThrow('redisReplayStore({ client })')
  })

  const warnings = useCapturedWarnings()

  it('of node-redis that was never connected says so', async () => {
    const store = redisReplayStore({ client: createClient() as never })
    const environment = createTestEnvironment()
    const claim = { id: Buffer.alloc(32), thumbprint: 't', created: 0, acceptUntil: 9e9, nonce: 'n' }
    const failure: unknown = await Promise.resolve(store.claim(claim, environment)).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'replay_store_unavailable' })
    expect(warnings.map(({ message }) => message).join()).toContain('await client.connect()')
    await store.close?.()
  })
})
