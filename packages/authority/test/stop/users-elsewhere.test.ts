import { memoryReplayStore } from '@countermark/replay'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import { type AuthorityLink, countermark, fromAuthority } from 'countermark/express'
import express from 'express'
import supertest from 'supertest'
import { createTestIssuer, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import type { AuthorityOptions } from '../../src/index.ts'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { type StorePlace, sqlitePlace } from '../stores.ts'
import { until } from './until.ts'

const LOGIN = 'https://login.example.com'
const OTHER = 'https://other-login.example.com'
const DOOR_TOKEN = 'token-of-the-shop'
const SHOP = 'http://shop.test'
const AGENT = 'agt_orders'

let login: TestIssuer
let other: TestIssuer

beforeAll(async () => {
  login = await createTestIssuer('EdDSA', LOGIN)
  other = await createTestIssuer('EdDSA', OTHER)
})

type Configured = () => Pick<AuthorityOptions, 'people' | 'tokens'>
const CONFIGURED: Readonly<Record<string, Configured>> = {
  'that issues none and knows where people sign in': () => ({
    people: { issuers: [login.options()], audience: 'https://authority.test' },
  }),
  'that issues tokens on the word of the provider': () => ({
    tokens: {
      issuer: 'https://authority.test',
      services: [{ audience: 'https://api.test' }],
      trustedIssuers: { users: [{ ...login.options(), subjectPrefix: 'corp#' }] },
    },
  }),
}

describe.each(Object.entries(CONFIGURED))('a user without tokens of an authority %s', (_name, configured) => {
  let place: StorePlace
  let world: World
  let server: StartedServer
  let shop: StartedServer
  let authority: AuthorityLink
  let call: ReturnType<typeof createCaller>
  let by: TestAgent
  let agent: TestAgent

  beforeAll(async () => {
    place = await sqlitePlace()
    world = await createWorld(place.open(), { doorTokens: [DOOR_TOKEN], ...configured() })
    const { clock } = world
    server = await startServer((req, res) => void world.authority.handle(req, res))
    call = createCaller(server.port)
    by = world.admin
    await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
    await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
    const body = { tenant: 'acme', id: AGENT, name: 'A', purpose: 'p', owners: ['jane'], ceiling: ['orders:read'] }
    await call('POST', '/agents', { by, body })
    const { body: issued } = await call('POST', `/agents/${AGENT}/enrolment-codes`, { by, body: {} })
    agent = await createTestAgent({ agentId: AGENT, clock })
    await call('POST', '/enrolments', { by: agent, body: { code: issued.code, key: agent.publicJwk } })
    authority = fromAuthority(server.origin, {
      ...{ door: 'shop', token: DOOR_TOKEN, clock, allowHttp: true, allowPrivateAddresses: true },
    })
    await authority.ready()
    const replay = memoryReplayStore({ clock, startedAt: 0, allowSingleProcess: true })
    const delegation = { issuers: [login.options(), other.options()], audience: SHOP, requirePoP: false }
    const guarded = countermark({
      ...{ origins: [SHOP], authority, clock, replay, delegation, sourceLimit: 'off', onRefusal: () => undefined },
    })
    shop = await startServer(express().use(guarded, (_req, res) => void res.json({})))
  }, 60_000)
  afterAll(async () => {
    authority.close()
    await shop.close()
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
  })

  /** A token that the provider itself issued for the shop, sent by the agent that acts for the user. */
  async function order(subject: string, issuer = login): Promise<string> {
    const iat = world.clock.seconds()
    const claims = { iss: issuer === login ? LOGIN : OTHER, sub: subject, aud: SHOP, iat, exp: iat + 300 }
    const token = await issuer.mint({ ...claims, act: { sub: AGENT }, client_id: AGENT, scope: 'orders:read' })
    const url = `${SHOP}/orders`
    const { headers } = await agent.signRequest({ method: 'GET', url, headers: { authorization: `Bearer ${token}` } })
    const sent = { ...headers, authorization: `Bearer ${token}`, host: 'shop.test' }
    const { status, body } = await supertest(shop.server).get('/orders').set(sent)
    return `${status} ${body.code ?? ''}`.trim()
  }

  async function stopAndWait(target: object): Promise<void> {
    const { status, body } = await call('POST', '/stops', { by, body: { target, reason: 'left' } })
    expect(status).toBe(201)
    await until(async () => {
      const { doors, reached } = (await call('GET', `/stops/${body.id}`, { by })).body.doors
      return doors === 1 && reached === 1
    })
  }

  it('is stopped at doors that take tokens of their provider, by their name alone', async () => {
    expect(await order('mary')).toBe('200')
    await stopAndWait({ kind: 'user', subject: 'mary' })
    expect(await order('mary')).toBe('401 token_revoked')
  })

  it('is stopped by name and issuer, and others of the same name go on', async () => {
    expect([await order('tom'), await order('tom', other)]).toEqual(['200', '200'])
    await stopAndWait({ kind: 'user', subject: 'tom', issuer: LOGIN })
    expect([await order('tom'), await order('tom', other)]).toEqual(['401 token_revoked', '200'])
  })
})

describe('an authority that knows no issuer of users', () => {
  it('refuses to stop a user without the issuer: nothing would be told to doors', async () => {
    const place = await sqlitePlace()
    const world = await createWorld(place.open(), { doorTokens: [DOOR_TOKEN] })
    const server = await startServer((req, res) => void world.authority.handle(req, res))
    const call = createCaller(server.port)
    const stop = (target: object) => call('POST', '/stops', { by: world.admin, body: { target, reason: 'left' } })
    const without = await stop({ kind: 'user', subject: 'mary' })
    const named = await stop({ kind: 'user', subject: 'mary', issuer: LOGIN })
    await world.authority.close()
    await server.close()
    await world.close()
    await world.authority.store.close()
    await place.remove()
    expect(without).toMatchObject({ status: 422, body: { code: 'input_invalid' } })
    expect(without.body.errors).toMatchObject([{ pointer: '/target/issuer' }])
    expect(named.status).toBe(201)
  })
})
