import { createHash, createPrivateKey, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { memoryReplayStore } from '@countermark/replay'
import { createFakeClock, createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type AuthorityLink, type CountermarkOptions, countermark, fromAuthority } from 'countermark/express'
import { countermark as forKoa } from 'countermark/koa'
import express from 'express'
import Koa from 'koa'
import supertest from 'supertest'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { createTestBrowser } from '../tokens/browser.ts'
import { assertionOf, type FormValues, type KnownAgent } from '../tokens/running-authority.ts'
import { type SignInProvider, startSignInProvider } from '../tokens/sign-in-provider.ts'
import { until } from './until.ts'

const TOKEN = 'a-token-of-doors'
const SHOP = 'http://shop.test'
const CALLBACK = 'https://agent.example.com/callback'

/** Shops that take tokens of the authority; the status list is not looked at. */
const SHOPS: Readonly<Record<string, (options: CountermarkOptions) => RequestListener>> = {
  Express: (options) =>
    express()
      .use(countermark(options))
      .use((req, res) => void res.json({ subject: req.agent?.delegation?.subject })),
  Koa: (options) =>
    new Koa()
      .use(forKoa(options))
      .use((ctx) => {
        ctx.body = { subject: ctx.state.agent?.delegation?.subject }
      })
      .callback(),
}

const CASES = ['revoke', 'refresh', 'code', 'consent', 'retire', 'suspend', 'depart', 'end'] as const

describeStores((createPlace) => {
  const shops: StartedServer[] = []
  let place: StorePlace
  let provider: SignInProvider
  let world: World
  let server: StartedServer
  let authority: AuthorityLink
  let call: ReturnType<typeof createCaller>
  let by: TestAgent

  beforeAll(async () => {
    const clock = createFakeClock()
    place = await createPlace()
    provider = await startSignInProvider(clock)
    server = await startServer((req, res) => void world.authority.handle(req, res))
    const consent = {
      provider: { issuer: provider.origin, http: LOOPBACK },
      ...{ clientId: 'countermark', clientSecret: 'a secret of ours' },
      redirectUris: Object.fromEntries(CASES.map((name) => [`agt_${name}`, [CALLBACK]])),
    }
    const tokens = { issuer: server.origin, services: [{ audience: SHOP }], consent }
    world = await createWorld(place.open(), { doorTokens: [TOKEN], tokens }, clock)
    call = createCaller(server.port)
    by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
    authority = fromAuthority(server.origin, {
      ...{ door: 'shop', token: TOKEN, clock, allowHttp: true, allowPrivateAddresses: true },
    })
    await authority.ready()
    for (const createShop of Object.values(SHOPS)) {
      const replay = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true })
      const options = { origins: [SHOP], authority, clock, replay, delegation: { audience: SHOP } }
      shops.push(await startServer(createShop({ ...options, sourceLimit: 'off', onRefusal: () => undefined })))
    }
  }, 60_000)
  afterAll(async () => {
    authority.close()
    await Promise.all(shops.map((shop) => shop.close()))
    await world.authority.close()
    await server.close()
    await provider.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  /** An agent of an owner of its own. */
  async function createAgent(name: string): Promise<KnownAgent> {
    const id = `agt_${name}`
    const owner = `owner-of-${name}`
    await call('POST', '/tenants/acme/people', { by, body: { id: owner, name: owner, ceiling: ['orders:*'] } })
    const body = { tenant: 'acme', id, name: id, purpose: 'p', owners: [owner], ceiling: ['orders:*'] }
    await call('POST', '/agents', { by, body })
    const { body: issued } = await call('POST', `/agents/${id}/enrolment-codes`, { by, body: {} })
    const agent = await createTestAgent({ agentId: id, clock: world.clock })
    await call('POST', '/enrolments', { by: agent, body: { code: issued.code, key: agent.publicJwk } })
    return { id, agent, privateKey: createPrivateKey({ key: { ...agent.privateJwk }, format: 'jwk' }) }
  }

  async function post(path: string, form: FormValues, known: KnownAgent): Promise<Readonly<Record<string, unknown>>> {
    const body = new URLSearchParams()
    const whole = { ...form, ...assertionOf(known, server.origin, world.clock) }
    for (const [each, value] of Object.entries(whole)) body.append(each, String(value))
    const text = await (await fetch(`${server.origin}${path}`, { method: 'POST', body })).text()
    return text === '' ? {} : JSON.parse(text)
  }

  /** What a person allowed an agent: tokens, and the browser in which they did. */
  async function allow(known: KnownAgent) {
    const browser = createTestBrowser('https://agent.example.com/')
    const verifier = randomBytes(32).toString('base64url')
    const url = new URL(`${server.origin}/authorize`)
    const values = {
      ...{ response_type: 'code', client_id: known.id, redirect_uri: CALLBACK, state: 's', scope: 'orders:read' },
      ...{ resource: SHOP, code_challenge_method: 'S256' },
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    }
    for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value)
    const answered = await browser.submit(await browser.visit(url.href), 'allow')
    const code = new URL(answered.url).searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }
    const body = await post('/token', form, known)
    return { browser, form, token: String(body['access_token']), refreshToken: String(body['refresh_token']) }
  }

  /** What both shops answer to a request with a token. */
  async function order({ agent }: KnownAgent, token: string): Promise<readonly string[]> {
    const answers: string[] = []
    for (const shop of shops) {
      const authorization = { authorization: `Bearer ${token}` }
      const { headers } = await agent.signRequest({ method: 'POST', url: `${SHOP}/orders`, headers: authorization })
      const sent = supertest(shop.server).post('/orders').set(headers).set('host', 'shop.test')
      const { status, body } = await sent
      answers.push(`${status} ${body.code ?? body.subject ?? ''}`)
    }
    return answers
  }

  /** Does something, and waits for the door to have heard of it: by its push. */
  async function pushed(work: () => Promise<unknown>): Promise<void> {
    await until(() => authority.state().link === 'stream')
    const { seq } = authority.state()
    await work()
    await until(() => authority.state().seq > seq)
    expect(authority.state().link).toBe('stream')
  }

  const ACCEPTED = ['200 user_17', '200 user_17']
  const REVOKED = ['401 token_revoked', '401 token_revoked']

  it.each<[string, (known: KnownAgent, allowed: Awaited<ReturnType<typeof allow>>) => Promise<unknown>]>([
    ['revoke', (known, { token }) => post('/revoke', { token }, known)],
    ['end', (known, { refreshToken: token }) => post('/revoke', { token }, known)],
    ['code', (known, { form }) => post('/token', form, known)],
    [
      'consent',
      async (_known, { browser }) => browser.submit(await browser.visit(`${server.origin}/delegations`), 'Stop'),
    ],
  ])('hears at once of tokens that end by: %s', async (name, end) => {
    const known = await createAgent(name)
    const allowed = await allow(known)
    expect(await order(known, allowed.token)).toEqual(ACCEPTED)
    await pushed(() => end(known, allowed))
    expect(await order(known, allowed.token)).toEqual(REVOKED)
  })

  it('hears at once of a refresh token that is used again: what the thief got ends, too', async () => {
    const known = await createAgent('refresh')
    const { refreshToken, token } = await allow(known)
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const next = String((await post('/token', form, known))['access_token'])
    expect(await order(known, next)).toEqual(ACCEPTED)
    await pushed(() => post('/token', form, known))
    expect([await order(known, token), await order(known, next)]).toEqual([REVOKED, REVOKED])
  })

  it.each<[string, string, (known: KnownAgent) => Promise<unknown>]>([
    ['suspend', 'suspended', ({ id }) => call('POST', `/agents/${id}/suspension`, { by, body: { reason: 'lost' } })],
    [
      'retire',
      'retired',
      async ({ id }) => {
        await call('POST', `/agents/${id}/retirement`, { by, body: { reason: 'replaced' } })
        await call('POST', `/agents/${id}/retirement/approval`, { by: world.second })
      },
    ],
    ['depart', 'suspended', () => call('POST', '/tenants/acme/people/owner-of-depart/departure', { by })],
  ])('hears at once of agents that end by: %s', async (name, state, end) => {
    const known = await createAgent(name)
    const { token } = await allow(known)
    expect(await order(known, token)).toEqual(ACCEPTED)
    await pushed(() => end(known))
    expect(await order(known, token)).toEqual(['403 agent_suspended', '403 agent_suspended'])
    expect((await call('GET', `/agents/${known.id}`, { by })).body.state).toBe(state)
  })
})
