import { createPrivateKey } from 'node:crypto'
import { requireCapability } from '@countermark/capability'
import { clientCredentials, createAgentFetch } from '@countermark/client'
import { countermarkAuthority, verifyDelegation } from '@countermark/delegation'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, type StartedServer, startServer, type TestAgent } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import mount from 'koa-mount'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import type { Authority } from '../../src/index.ts'
import { createCaller, createWorld, type World } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { claimsOf, ORDERS } from './running-authority.ts'

type Handler = (authority: () => Authority | undefined) => Parameters<typeof startServer>[0]

const behindExpress: Handler = (authority) =>
  express().use('/authority', (req, res) => void authority()?.handle(req, res))
const behindKoa: Handler = (authority) =>
  new Koa()
    .use(
      mount('/authority', (context) => {
        context.respond = false
        return authority()?.handle(context.req, context.res, context.originalUrl)
      }),
    )
    .callback()

describeStores((createPlace) => {
  describe.each([
    ['Express', behindExpress],
    ['Koa', behindKoa],
  ] as const)('an authority behind %s', (_name, handler) => {
    let place: StorePlace
    let world: World | undefined
    let server: StartedServer
    let door: StartedServer

    beforeAll(async () => {
      place = await createPlace()
      server = await startServer(handler(() => world?.authority))
      const tokens = { issuer: `${server.origin}/authority`, services: [{ audience: ORDERS }] }
      world = await createWorld(place.open(), { tokens })
      door = await startDoor(world.authority, tokens.issuer, world)
    }, 60_000)
    afterAll(async () => {
      await Promise.all([server.close(), door.close()])
      await world?.close()
      await world?.authority.store.close()
      await place.remove()
    })

    it('registers an agent, gives it a token that a door accepts, and gives none once it is suspended', async () => {
      if (world === undefined) throw new Error('not started')
      const { admin: by, clock, authority } = world
      const call = createCaller(server.port, '/authority')
      const buyer = await enrol(call, by, world)
      const issuer = `${server.origin}/authority`
      const key = createPrivateKey({ key: { ...buyer.privateJwk }, format: 'jwk' })
      const common = { key, keyId: buyer.keyId, clock }
      const settings = {
        ...{ tokenEndpoint: `${issuer}/token`, issuer, clientId: buyer.agentId, allowLoopbackHttp: true, ...common },
        ...{ resource: ORDERS, scopes: ['orders:read'] },
      }
      const token = clientCredentials(settings)
      const agentFetch = createAgentFetch({ agentId: buyer.agentId, origins: [door.origin], token, ...common })
      const response = await agentFetch(`${door.origin}/orders`)
      expect([response.status, await response.json()]).toEqual([200, { agent: 'agt_buyer', scopes: ['orders:read'] }])
      expect(world.events()).toEqual(expect.arrayContaining(['key_enrolled', 'token_issued']))

      const held = await token({ origin: door.origin })
      const tokenIds = await authority.tokens?.revoke({ agentId: 'agt_buyer' }, { reason: 'stop', by: 'test' })
      expect(tokenIds).toEqual([claimsOf(held.value)['jti']])
      const suspended = await call('POST', '/agents/agt_buyer/suspension', { by, body: { reason: 'lost' } })
      expect([suspended.status, suspended.body]).toMatchObject([200, { state: 'suspended' }])
      await expect(clientCredentials(settings)({ origin: door.origin })).rejects.toMatchObject({
        oauthError: 'invalid_client',
      })
    })

    it('says what it is where RFC 8414 looks for it, and serves its API beside it', async () => {
      const issuer = `${server.origin}/authority`
      const metadata = await fetch(`${issuer}/.well-known/openid-configuration`)
      expect(await metadata.json()).toMatchObject({ issuer, token_endpoint: `${issuer}/token` })
      const call = createCaller(server.port, '/authority')
      expect((await call('GET', '/agents')).status).toBe(401)
    })
  })
})

async function startDoor({ keys }: Authority, issuer: string, { clock }: World): Promise<StartedServer> {
  const store = memoryReplayStore({ clock, startedAt: 0 })
  const guard = createGuard({ origins: () => [server.origin], clock })
  const issuers = [countermarkAuthority(issuer, { http: LOOPBACK })]
  const app = express()
  app.use(guard(verifySignature({ keys }), preventReplay({ store }), verifyDelegation({ issuers, audience: ORDERS })))
  app.get('/orders', guard(requireCapability('orders:read')), (req, res) => {
    res.json({ agent: req.agent?.id, scopes: req.agent?.delegation?.scopes })
  })
  const server = await startServer(app)
  return server
}

async function enrol(call: ReturnType<typeof createCaller>, by: TestAgent, { clock }: World): Promise<TestAgent> {
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  const jane = { id: 'jane@example.com', name: 'Jane', ceiling: ['orders:*'] }
  await call('POST', '/tenants/acme/people', { by, body: jane })
  const agent = {
    tenant: 'acme',
    id: 'agt_buyer',
    name: 'Buyer',
    purpose: 'orders',
    owners: [jane.id],
    ceiling: ['orders:*'],
  }
  await call('POST', '/agents', { by, body: agent })
  const { body } = await call('POST', '/agents/agt_buyer/enrolment-codes', { by, body: {} })
  const buyer = await createTestAgent({ agentId: 'agt_buyer', clock })
  const enrolled = await call('POST', '/enrolments', { by: buyer, body: { code: body.code, key: buyer.publicJwk } })
  expect(enrolled.status).toBe(201)
  return buyer
}
