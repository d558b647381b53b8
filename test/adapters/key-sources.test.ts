import type { GuardOptions, KeySource } from '@countermark/core'
import { verifyDelegation } from '@countermark/delegation'
import { firstOf, jwks, registry, staticKeys } from '@countermark/keys'
import { verifySignature } from '@countermark/signature'
import { type AdapterUnderTest, createTestAgent, rawRequest, sendRaw, type TestAgent } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { createTestIssuer, type TestIssuer } from '../../packages/delegation/test/token-issuer.ts'
import {
  json,
  type KeyServer,
  type RegisteredAgent,
  registryOf,
  startKeyServer,
  text,
} from '../../packages/keys/test/key-server.ts'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

// What a backend answers while its sources of keys are flooded, contradict each other, or know an agent but none of its keys.

const AUDIENCE = 'https://api.example.com'
const LOOPBACK = { allowHttp: true, allowPrivateAddresses: true } as const
const ORDERS = { url: 'https://api.example.com/orders' }

function describeKeySources<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`the sources of keys behind ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    let issuer: TestIssuer
    let agent: TestAgent
    let server: KeyServer

    beforeAll(async () => {
      issuer = await createTestIssuer()
    })

    beforeEach(async () => {
      agent = await createTestAgent({ agentId: 'agt_worker' })
      server = await startKeyServer(registryOf())
    })

    afterEach(() => server.stop())

    const listed = (members: object = {}): RegisteredAgent => {
      const key = { id: agent.keyId, jwk: agent.publicJwk }
      return { id: 'agt_worker', keys: [key], ...members }
    }
    const startSigned = (keys: KeySource): Promise<GuardedApp> =>
      start(({ guard, checks, handler }) => [guard(verifySignature({ keys }), checks.once), handler])
    /** Agents may come with a token alone, and need not be known. */
    const startTokens = (
      agents: KeySource,
      options: Partial<GuardOptions> = {},
      issuers = [issuer.options()],
    ): Promise<GuardedApp> =>
      start({
        options,
        build: ({ app, guard, handler }) => {
          const tokens = { issuers, audience: AUDIENCE, requirePoP: false } as const
          app.use(guard(verifyDelegation({ ...tokens, agents, unknownAgents: 'accept' })))
          app.use(handler)
        },
      })
    const call = async (app: GuardedApp, as: TestAgent = agent): Promise<unknown> =>
      outcomeOf(await sendRaw(app.port, rawRequest(await as.signRequest(ORDERS))))
    const callByToken = async (app: GuardedApp, agentId = 'agt_worker'): Promise<unknown> => {
      const now = Math.floor(Date.now() / 1000)
      const token = await issuer.mint({ act: { sub: agentId }, client_id: agentId, iat: now, exp: now + 60 })
      return outcomeOf(await app.sendPlain({ headers: [['Authorization', `Bearer ${token}`]] }))
    }
    /** Unsigned requests, each in the name of an agent that does not exist. */
    const flood = async (app: GuardedApp, count: number): Promise<void> => {
      const timestamp = `${Math.floor(Date.now() / 1000)}`
      const requests = Array.from({ length: count }, (_, index) =>
        app.sendPlain({
          headers: [
            ...([
              ['Agent-ID', `invented-${index}`],
              ['Agent-Auth-Version', '1'],
              ['Timestamp', timestamp],
            ] as const),
            ...([
              ['Nonce', `nonce-${index}-of-the-flood`],
              ['Signature', Buffer.alloc(64, 1).toString('base64')],
            ] as const),
          ],
        }),
      )
      await Promise.all(requests)
    }

    describe('an attacker', () => {
      it.each([
        ['a key that was revoked', { keys: [{ id: 'k', state: 'revoked' }] }, '401 key_revoked'],
        ['an agent that is suspended', { state: 'suspended' }, '403 agent_suspended'],
      ])(
        'cannot make %s count again by using up the look-ups of the source that says so',
        async (_name, members, was) => {
          const keys = (members as { keys?: object[] }).keys?.map((key) => ({ ...key, jwk: agent.publicJwk }))
          server.answer = registryOf(listed(keys === undefined ? members : { keys }))
          const limits = { unknownPerMinute: 5 }
          const own = staticKeys([{ agentId: 'agt_worker', key: agent.publicJwk }])
          const app = await startSigned(firstOf(registry(server.url, { ...LOOPBACK, ...limits }), own))
          await flood(app, 10)
          expect(await call(app)).toBe('503 key_source_unavailable')
          const calm = await startSigned(firstOf(registry(server.url, LOOPBACK), own))
          expect(await call(calm)).toBe(was)
        },
      )

      it('cannot keep agents out that call for the first time by inventing a hundred others', async () => {
        const others = await Promise.all(
          Array.from({ length: 5 }, (_, index) => createTestAgent({ agentId: `agt_${index}` })),
        )
        server.answer = registryOf(
          ...others.map(({ agentId, publicJwk }) => ({ id: agentId, keys: [{ jwk: publicJwk }] as never })),
        )
        const app = await startSigned(registry(server.url, LOOPBACK))
        await flood(app, 100)
        expect(await Promise.all(others.map((other) => call(app, other)))).toEqual(others.map(() => '200'))
      })

      it('cannot lock all out by naming what the registry answers with an error', async () => {
        const good = registryOf(listed())
        const html = text('<html>', { 'content-type': 'text/html' }, 400)
        server.answer = (request, response) => (request.url?.includes('invented') ? html : good)(request, response)
        const app = await startSigned(registry(server.url, LOOPBACK))
        await flood(app, 20)
        expect(await call(app)).toBe('200')
      })

      it("cannot keep an agent out by registering that agent's public key as its own, and being asked for first", async () => {
        const evil = await createTestAgent({ agentId: 'agt_evil' })
        const keys = [
          { id: 'own', jwk: evil.publicJwk },
          { id: 'mine', jwk: agent.publicJwk },
        ]
        server.answer = registryOf(listed(), { id: 'agt_evil', keys })
        const app = await startSigned(registry(server.url, LOOPBACK))
        expect(await call(app, evil)).toBe('200')
        expect(await call(app)).toBe('200')
        expect(app.runs.map((run) => run.agent?.id)).toEqual(['agt_evil', 'agt_worker'])
      })

      it.each([
        ['keys: []', { keys: [] }],
        ['no member keys', { keys: undefined }],
        ['a key that cannot be used', { keys: [{ jwk: { kty: 'EC', crv: 'P-521', x: 'AA', y: 'AA' } }] }],
      ])('that is suspended is not free because the registry lists it with %s', async (_name, keys) => {
        server.answer = json({ agents: [{ id: 'agt_worker', state: 'suspended', ...keys }] })
        const app = await startTokens(registry(server.url, LOOPBACK))
        expect(await callByToken(app)).toBe('403 agent_suspended')
      })

      it.each([
        ['constraints', { constraints: 'none' }],
        ['capabilities', { capabilities: { all: true } }],
      ])('is not free because its %s cannot be read', async (_name, members) => {
        server.answer = json({ agents: [{ id: 'agt_worker', keys: [{ jwk: agent.publicJwk }], ...members }] })
        const keys = registry(server.url, LOOPBACK)
        expect(await callByToken(await startTokens(keys))).toBe('403 agent_suspended')
        expect(await call(await startSigned(keys))).toBe('403 agent_suspended')
      })
    })

    it('do not make agents wait that they do not know, where these are accepted', async () => {
      server.answer = json({ agents: [] })
      const keys = registry(server.url, { ...LOOPBACK, absentMs: 0 })
      const app = await startTokens(keys)
      expect(await callByToken(app)).toBe('200')
      server.answer = text('', {}, 500)
      expect([await callByToken(app), await callByToken(app, 'agt_new')]).toEqual(['200', '503 key_source_unavailable'])
    })

    it.each([
      ['began a year ago', -365, 0, '200'],
      ['begins tomorrow', 1, 0, '401 key_not_yet_valid'],
      ['ended a year ago', 0, -365, '401 key_expired'],
      ['ends tomorrow', 0, 1, '200'],
    ])('read milliseconds as such: a key that %s', async (_name, begins, ends, outcome) => {
      const at = (days: number): number | undefined => (days === 0 ? undefined : Date.now() + days * 86_400_000)
      server.answer = json({ keys: [{ ...agent.publishedJwk, nbf: at(begins), exp: at(ends) }] })
      expect(await call(await startSigned(jwks(server.url, { ...LOOPBACK, agent: 'agt_worker' })))).toBe(outcome)
    })

    describe('where errorDetail is minimal', () => {
      const MINIMAL = { errorDetail: 'minimal' } as const

      it('are hidden from those who claim an id, and told to those whose issuer names it', async () => {
        server.answer = text('', {}, 500)
        const [signed, tokens] = await Promise.all([
          start({
            options: MINIMAL,
            build: ({ guard, checks, handler }) => [
              guard(verifySignature({ keys: registry(server.url, LOOPBACK) }), checks.once),
              handler,
            ],
          }),
          startTokens(registry(server.url, LOOPBACK), MINIMAL),
        ])
        expect(await call(signed)).toBe('401 signature_invalid')
        expect(await callByToken(tokens)).toBe('503 key_source_unavailable')
      })

      it('tell a token of an agent that is suspended so', async () => {
        server.answer = registryOf(listed({ state: 'suspended' }))
        expect(await callByToken(await startTokens(registry(server.url, LOOPBACK), MINIMAL))).toBe(
          '403 agent_suspended',
        )
      })

      it('are the fault of the issuer where its keys cannot be had', async () => {
        server.answer = text('', {}, 500)
        const issuers = [issuer.options({ keys: { jwksUri: server.url }, http: LOOPBACK })]
        const app = await startTokens(staticKeys([{ agentId: 'agt_worker', key: agent.publicJwk }]), MINIMAL, issuers)
        expect(await callByToken(app)).toBe('503 key_source_unavailable')
      })
    })

    it('forget at once what they are told was revoked', async () => {
      const keys = registry(server.url, LOOPBACK)
      server.answer = registryOf(listed())
      const app = await startSigned(keys)
      expect(await call(app)).toBe('200')
      server.answer = registryOf(listed({ state: 'suspended' }))
      expect(await call(app)).toBe('200')
      keys.forget?.({ agentId: 'agt_worker' })
      expect(await call(app)).toBe('403 agent_suspended')
    })
  })
}

describeKeySources('Express 5', expressAdapter(express))
describeKeySources('Express 4', expressAdapter(express4))
describeKeySources('Koa 3', koaAdapter(Koa))
describeKeySources('Koa 2', koaAdapter(Koa2))
