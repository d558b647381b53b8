import { type AgentRequest, defineCheck } from '@countermark/core'
import { delegateOffline, requireClaims } from '@countermark/delegation'
import { idempotency, memoryAnswers } from '@countermark/idempotency'
import type { AdapterUnderTest, RawResponse, RequestToSign } from '@countermark/testing'
import { type Countermark, type CountermarkOptions, countermark as expressCountermark } from 'countermark/express'
import { countermark as koaCountermark } from 'countermark/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { createDpopProver } from '../../packages/delegation/test/dpop-prover.ts'
import { createTestIssuer, type Members, type TestIssuer } from '../../packages/delegation/test/token-issuer.ts'
import {
  type GuardedApp,
  outcomeOf,
  problemOf,
  useGuardedApps,
} from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund, createApprover, limits, REFUND } from './capability-world.ts'
import { type Umbrella, umbrellaUnderTest } from './countermark-adapter.ts'
import { expressAdapter } from './express-adapter.ts'
import { EXPRESS_STEP, KOA_STEP, type WithIdempotency } from './idempotent-step.ts'
import { koaAdapter } from './koa-adapter.ts'

const METADATA = '/.well-known/oauth-protected-resource'
const AUDIENCE = 'https://api.example.com'

describeCountermark('Express 4', expressAdapter(express4), expressCountermark, EXPRESS_STEP)
describeCountermark('Express 5', expressAdapter(express), expressCountermark, EXPRESS_STEP)
describeCountermark('Koa 2', koaAdapter(Koa2), koaCountermark, KOA_STEP)
describeCountermark('Koa 3', koaAdapter(Koa), koaCountermark, KOA_STEP)

function describeCountermark<Middleware>(
  name: string,
  framework: AdapterUnderTest<Middleware>,
  countermark: Umbrella<Middleware>,
  withIdempotency: WithIdempotency<Middleware>,
): void {
  describe(`countermark on ${name}`, () => {
    const { adapter, createChecks, createAgents } = umbrellaUnderTest(framework, countermark)
    const start = useGuardedApps(adapter, createChecks)
    let issuer: TestIssuer

    beforeAll(async () => {
      issuer = await createTestIssuer()
    })

    /** An application in ten lines: all requests are signed, with a token where `delegation` says so. */
    const startApp = (
      options: Partial<CountermarkOptions> = {},
      use: (agents: Countermark<Middleware>) => Middleware = (agents) => agents,
    ): Promise<GuardedApp> =>
      start({
        build: ({ app, handler }) => {
          const agents = createAgents(options)
          app.use(use(agents))
          app.route('post', '/refunds', agents.require('refunds:create', REFUND), handler)
          app.route('get', '/zones/:zone', agents.require('dns:{zone}:read'), handler)
          app.use(handler)
        },
      })
    const delegation = (): NonNullable<CountermarkOptions['delegation']> => ({
      issuers: [issuer.options()],
      audience: AUDIENCE,
    })
    const bearing = async (claims: Members = {}): Promise<Readonly<Record<string, string>>> => {
      const now = Math.floor(Date.now() / 1000)
      return { Authorization: `Bearer ${await issuer.mint({ iat: now, exp: now + 60, ...claims })}` }
    }
    const refund = async (app: GuardedApp, amount: number, claims: Members): Promise<RawResponse> =>
      app.send(aRefund({ amount, currency: 'USD' }, await bearing(claims)))

    describe('with three options', () => {
      it('lets a signed request pass, once', async () => {
        const app = await startApp()
        const once: RequestToSign = { target: '/orders', nonce: 'once' }
        expect([outcomeOf(await app.send(once)), outcomeOf(await app.send(once))]).toEqual([
          '200',
          '401 replay_detected',
        ])
        expect(app.runs.map(({ agent }) => agent?.id)).toEqual(['agt_buyer'])
      })

      it('refuses what is not signed, and asks for no token', async () => {
        const response = await (await startApp()).sendPlain()
        expect(challengesOf(response)).toEqual([
          'Signature realm="api.example.com"',
          expect.stringMatching(/^Agent-Auth version="1"/),
        ])
      })

      it('goes by what the registry grants', async () => {
        const app = await startApp()
        expect(outcomeOf(await app.send(aRefund({ amount: 1 })))).toBe('403 insufficient_scope')
      })

      it('executes what is sent again once, where a route says so', async () => {
        const idempotent = idempotency({ store: memoryAnswers() })
        const app = await start({
          build: ({ app: building, handler }) => {
            const agents = createAgents()
            building.use(agents)
            building.route('post', '/orders', withIdempotency(idempotent, agents.guard), handler)
          },
        })
        const order = { method: 'POST', target: '/orders', headers: { 'Idempotency-Key': 'a-1' }, body: '{}' }
        const [first, second] = [await app.send(order), await app.send(order)]
        expect([first.status, second.text, app.runs.length]).toEqual([200, first.text, 1])
      })

      it('lets strangers pass where that is said, as far as a route that asks for something', async () => {
        const app = await startApp({}, (agents) => agents.with({ optional: true }))
        expect([outcomeOf(await app.sendPlain()), app.runs[0]?.agent]).toEqual(['200', undefined])
        expect(outcomeOf(await app.sendPlain({ target: '/zones/a' }))).toBe('401 credentials_missing')
      })
    })

    describe('with delegation', () => {
      it('knows for whom the agent acts, and asks every request for that', async () => {
        const app = await startApp({ delegation: delegation() })
        expect(outcomeOf(await app.send({ headers: await bearing() }))).toBe('200')
        expect(app.runs[0]?.agent).toMatchObject({ level: 'signed', delegation: { subject: 'user_17' } })
        expect(outcomeOf(await app.send({}))).toBe('401 credentials_missing')
      })

      it('goes by scopes and limits of the token', async () => {
        const app = await startApp({ delegation: delegation() })
        const scope = 'refunds:create'
        const [authorization_details] = limits({ max_amount: { value: 5000, currency: 'USD' } }).authorizationDetails
        expect(outcomeOf(await refund(app, 5000, { scope, authorization_details }))).toBe('200')
        expect(outcomeOf(await refund(app, 5001, { scope, authorization_details }))).toBe('403 constraint_violation')
      })

      it('says what is missing, and where to read about it', async () => {
        const app = await startApp({ delegation: delegation() })
        const response = await app.send({ target: '/zones/z1', headers: await bearing() })
        expect([response.status, challengesOf(response)]).toEqual([
          403,
          [
            `Bearer realm="api.example.com", error="insufficient_scope", scope="dns:z1:read", resource_metadata="${AUDIENCE}${METADATA}"`,
          ],
        ])
      })

      it('answers handlers that ask what else the agent may do', async () => {
        const app = await startApp({ delegation: delegation() })
        await app.send({ headers: await bearing({ scope: 'refunds:create' }) })
        const agent = app.runs[0]?.agent
        expect([agent?.can('refunds:create', { amount: 1 }), agent?.can('dns:z1:read')]).toEqual([true, false])
        expect(Object.isFrozen(agent)).toBe(true)
      })

      it('asks for claims where a route does', async () => {
        const app = await start({
          build: ({ app: building, handler }) => {
            const agents = createAgents({ delegation: delegation() })
            building.use(agents)
            building.route('get', '/orders', agents.guard(requireClaims({ tenant: 'acme' })), handler)
          },
        })
        const ask = async (claims: Members): Promise<string> =>
          outcomeOf(await app.send({ target: '/orders', headers: await bearing(claims) }))
        expect([await ask({ tenant: 'acme' }), await ask({ tenant: 'other' }), await ask({})]).toEqual([
          '200',
          '403 constraint_violation',
          '403 constraint_violation',
        ])
      })

      it('takes DPoP proofs, remembered where signatures are', async () => {
        const app = await startApp({ delegation: { ...delegation(), dpop: {} } })
        const response = await app.sendPlain()
        expect(challengesOf(response)).toContain(
          `DPoP realm="api.example.com", algs="EdDSA Ed25519 ES256", resource_metadata="${AUDIENCE}${METADATA}"`,
        )
      })

      it('takes the token from another place, and says so', async () => {
        const token = ({ headers }: AgentRequest): string | undefined => headers.only('x-forwarded-access-token')
        const app = await startApp({ delegation: { ...delegation(), token } })
        const [, text = ''] = (await bearing())['Authorization']?.split(' ') ?? []
        const components = ['@method', '@authority', '@path', 'agent-id', 'x-forwarded-access-token']
        const headers = { 'X-Forwarded-Access-Token': text }
        expect(outcomeOf(await app.send({ target: '/orders', headers, components }))).toBe('200')
        expect(outcomeOf(await app.send({ target: '/orders', headers: await bearing() }))).toBe(
          '401 credentials_missing',
        )
        const metadata = JSON.parse((await app.sendPlain({ target: METADATA })).text)
        expect(metadata).not.toHaveProperty('bearer_methods_supported')
      })

      it('counts only when it is meant for this service alone, where that is said', async () => {
        const app = await startApp({ delegation: { ...delegation(), audience: { only: AUDIENCE } } })
        const ask = async (aud: Members[string]): Promise<string> =>
          outcomeOf(await app.send({ target: '/orders', headers: await bearing({ aud }) }))
        expect([await ask(AUDIENCE), await ask([AUDIENCE])]).toEqual(['200', '200'])
        const others = [[AUDIENCE, 'https://other.example'], ['https://other.example'], undefined]
        for (const aud of others) expect(await ask(aud)).toBe('401 token_audience')
      })

      it('lets what changes nothing pass unsigned where that is said, by a token and a proof', async () => {
        const prover = createDpopProver()
        const options = { delegation: { ...delegation(), dpop: {} } }
        const app = await startApp(options, (agents) => agents.withoutSignature())
        const [, token = ''] = (await bearing({ cnf: { jkt: prover.thumbprint } }))['Authorization']?.split(' ') ?? []
        const send = async (method: 'GET' | 'POST', Authorization = `DPoP ${token}`): Promise<string> => {
          const proof = await prover.prove({ token, at: Math.floor(Date.now() / 1000), claims: { htm: method } })
          const headers = { Authorization, DPoP: proof }
          return outcomeOf(await app.sendPlain({ method, target: '/orders', headers: Object.entries(headers) }))
        }
        expect([await send('GET'), await send('POST')]).toEqual(['200', '401 scheme_not_allowed'])
        expect(app.runs[0]?.agent).toMatchObject({ id: 'agt_buyer', level: 'bound' })
        expect(await send('GET', `Bearer ${token}`)).toBe('401 token_binding_mismatch')
      })

      it('cannot do without signatures where nothing else says who calls', async () => {
        const start = startApp({}, (agents) => agents.withoutSignature())
        await expect(start).rejects.toMatchObject({ code: 'ERR_OPTION_MISSING' })
      })

      it('takes approvals, each once, remembered where signatures are', async () => {
        const { rules, ticketFor } = createApprover()
        const { store: _, ...approvals } = rules
        const app = await startApp({ delegation: delegation(), capabilities: { approvals } })
        const { authorizationDetails } = limits({ require_approval_above: { value: 5000, currency: 'USD' } })
        const headers = await bearing({ scope: 'refunds:create', authorization_details: authorizationDetails[0] })
        const send = (more = {}): Promise<RawResponse> =>
          app.send(aRefund({ amount: 5001, currency: 'USD' }, { ...headers, ...more }))
        const ticket = { 'Approval-Ticket': ticketFor(await send()) }
        expect([outcomeOf(await send(ticket)), outcomeOf(await send(ticket))]).toEqual(['200', '403 approval_required'])
      })

      it('compares scopes that agents hand on by the grammar of routes', async () => {
        const app = await startApp({ delegation: { ...delegation(), offline: {} } })
        const clerk = await createTestIssuer()
        const [jwk] = clerk.jwks.keys
        const claims = { act: { sub: 'agt_clerk' }, scope: 'refunds:*', cnf: { jwk }, max_depth: 1 }
        const [, token = ''] = (await bearing(claims))['Authorization']?.split(' ') ?? []
        const to = { agentId: 'agt_buyer', key: app.agent.publicJwk }
        const handedOn = await delegateOffline({ token, key: clerk.privateKey, to, scopes: ['refunds:create'] })
        const response = await app.send(aRefund({ amount: 1 }, { Authorization: `Bearer ${handedOn}` }))
        expect(outcomeOf(response)).toBe('200')
      })
    })

    describe('its metadata', () => {
      it('says to all callers what is accepted', async () => {
        const app = await startApp({ delegation: { ...delegation(), dpop: {} }, metadata: { name: 'Orders' } })
        const response = await app.sendPlain({ target: METADATA, headers: [['Origin', 'https://shop.example']] })
        expect(response.status).toBe(200)
        expect(JSON.parse(response.text)).toEqual({
          resource: AUDIENCE,
          resource_name: 'Orders',
          authorization_servers: ['https://auth.example.com'],
          bearer_methods_supported: ['header'],
          scopes_supported: ['refunds:create'],
          authorization_details_types_supported: ['urn:agent-auth:capability:1'],
          dpop_signing_alg_values_supported: ['EdDSA', 'Ed25519', 'ES256'],
          dpop_bound_access_tokens_required: false,
          agent_signatures: {
            profile: '1',
            schemes: ['httpsig', 'simple-v1', 'dpop'],
            tags: ['agent-auth', 'web-bot-auth'],
            signature_algorithms: ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'],
            required_components: ['@method', '@authority', '@path', '@query'],
            additional_signature_components: ['content-digest'],
            covered_when_present: expect.arrayContaining(['authorization', 'dpop', 'content-type']),
            signature_window: 300,
            nonce: 'required-unsafe',
            content_digest: ['sha-256', 'sha-512'],
          },
        })
        expect(['content-type', 'cache-control', 'access-control-allow-origin'].map(response.header)).toEqual([
          'application/json',
          'public, max-age=300',
          '*',
        ])
      })

      it('holds what checks say of themselves that the umbrella does not know', async () => {
        const metadata = { agent_signatures: { opening_hours: ['09:00-17:00'] } }
        const hours = defineCheck({ name: 'hours', needs: ['agent'], adds: [], metadata }, () => ({}))
        const app = await startApp({}, (agents) => {
          agents.guard(hours)
          return agents
        })
        const { agent_signatures } = JSON.parse((await app.sendPlain({ target: METADATA })).text)
        expect(agent_signatures).toMatchObject({ profile: '1', opening_hours: ['09:00-17:00'] })
      })

      it('is where every challenge of tokens points to', async () => {
        const app = await startApp({ delegation: delegation() })
        const [, url = ''] = /resource_metadata="([^"]+)"/.exec(challengesOf(await app.sendPlain()).join()) ?? []
        const { pathname } = new URL(url)
        const { resource } = JSON.parse((await app.sendPlain({ target: pathname })).text)
        // RFC 9728 section 3.3: otherwise clients must not use it.
        expect([url, resource]).toEqual([AUDIENCE + METADATA, AUDIENCE])
      })

      it('stands where the path of the resource says', async () => {
        const app = await startApp({ delegation: delegation(), resource: `${AUDIENCE}/v1` })
        const response = await app.sendPlain({ target: `${METADATA}/v1?fresh` })
        expect(JSON.parse(response.text)).toMatchObject({ resource: `${AUDIENCE}/v1` })
        expect(challengesOf(await app.sendPlain()).join()).toContain(`"${AUDIENCE}${METADATA}/v1"`)
        expect((await app.sendPlain({ target: METADATA })).status).toBe(401)
      })

      it('answers the question that browsers ask before they ask for it with fields of their own', async () => {
        const app = await startApp({ delegation: delegation() })
        const ask = (asked: string, target = METADATA): Promise<RawResponse> => {
          const headers = [
            ['Origin', 'https://shop.example'],
            ['Access-Control-Request-Method', asked],
            ['Access-Control-Request-Headers', 'mcp-protocol-version'],
          ] as const
          return app.sendPlain({ method: 'OPTIONS', target, headers })
        }
        const response = await ask('GET')
        expect([response.status, response.text, response.header('content-length')]).toEqual([204, '', undefined])
        const [origin, methods, fields] = ['origin', 'methods', 'headers'].map((name) =>
          response.header(`access-control-allow-${name}`),
        )
        expect([origin, methods, fields]).toEqual(['*', 'GET, HEAD', '*'])
        expect([(await ask('POST')).status, (await ask('GET', '/orders')).status]).toEqual([401, 401])
        expect((await app.sendPlain({ method: 'OPTIONS', target: METADATA })).status).toBe(401)
      })

      it('answers HEAD without content, and no other method', async () => {
        const app = await startApp()
        const response = await app.sendPlain({ method: 'HEAD', target: METADATA })
        expect([response.status, Number(response.header('content-length')) > 100]).toEqual([200, true])
        expect((await app.sendPlain({ method: 'POST', target: METADATA })).status).toBe(401)
        expect((await app.sendPlain({ target: `${METADATA}/other` })).status).toBe(401)
      })

      it('is each of our origins’ own, and no other’s', async () => {
        const app = await startApp({ origins: ['api.example.com', 'http://localhost:8080'] })
        const ask = (host: string) => app.sendPlain({ target: METADATA, headers: [['Host', host]] })
        expect(JSON.parse((await ask('localhost:8080')).text)).toMatchObject({ resource: 'http://localhost:8080' })
        expect(problemOf(await ask('evil.example'))).toMatchObject({ code: 'authority_mismatch' })
      })

      it('can be mounted alone, where the guard stands below a path', async () => {
        const app = await start({
          build: ({ app: outer, handler }) => {
            const agents = createAgents()
            outer.use(agents.metadata)
            outer.mount('app', '/api', (inner) => inner.use(agents, handler))
            outer.use(handler)
          },
        })
        const ask = async (target: string) => (await app.sendPlain({ target })).status
        expect([await ask(METADATA), await ask('/api/orders'), await ask('/')]).toEqual([200, 401, 200])
      })
    })
  })
}

function challengesOf(response: RawResponse): readonly string[] {
  return response.headerLines.filter(([name]) => name.toLowerCase() === 'www-authenticate').map(([, value]) => value)
}
