import { coversScope, requireCapability } from '@countermark/capability'
import { createRevocations, delegateOffline, verifyDelegation } from '@countermark/delegation'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { createDpopProver } from '../../packages/delegation/test/dpop-prover.ts'
import { createTestIssuer, type TestIssuer } from '../../packages/delegation/test/token-issuer.ts'
import { type GuardedApp, problemOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

// A user lets agt_clerk work with orders; agt_clerk hands reading them on to agt_buyer, who asks the backend.

function describeHandingOn<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`${name}: a token that an agent handed on`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    const clerk = createDpopProver()
    const revocations = createRevocations()
    let issuer: TestIssuer

    beforeAll(async () => {
      issuer = await createTestIssuer()
    })

    const startBackend = (): Promise<GuardedApp> =>
      start({
        build: ({ app, guard, checks, handler }) => {
          const options = { issuers: [issuer.options()], audience: 'https://api.example.com', revocations }
          const tokens = verifyDelegation({ ...options, offline: { coversScope } })
          app.use(guard(checks.verify, checks.once, tokens))
          app.route('get', '/orders', guard(requireCapability('orders:read')), handler)
          app.route('post', '/orders', guard(requireCapability('orders:write')), handler)
        },
      })

    async function handOn(app: GuardedApp, scopes: readonly string[]): Promise<string> {
      const now = Math.floor(Date.now() / 1000)
      const act = { sub: 'agt_clerk' }
      const claims = { act, scope: 'orders:*', cnf: { jwk: clerk.jwk }, max_depth: 1, iat: now, exp: now + 60 }
      const to = { agentId: 'agt_buyer', key: app.agent.publicJwk }
      return delegateOffline({ token: await issuer.mint(claims), key: clerk.privateKey, to, scopes })
    }

    async function ask(app: GuardedApp, method: string, token: string): Promise<readonly [number, unknown]> {
      const headers = { Authorization: `Bearer ${token}` }
      const response = await app.send({ method, target: '/orders', headers })
      return [response.status, response.status === 200 ? app.runs.at(-1)?.agent : problemOf(response)['code']]
    }

    it('allows what was handed on, for the one it was handed to', async () => {
      const app = await startBackend()
      const [status, agent] = await ask(app, 'GET', await handOn(app, ['orders:read']))
      expect([status, agent]).toMatchObject([
        200,
        {
          id: 'agt_buyer',
          level: 'signed',
          delegation: { subject: 'user_17', actor: { id: 'agt_buyer' }, priorActors: [{ id: 'agt_clerk' }] },
        },
      ])
    })

    it('allows no more than that', async () => {
      const app = await startBackend()
      expect(await ask(app, 'POST', await handOn(app, ['orders:read']))).toEqual([403, 'insufficient_scope'])
      expect(await ask(app, 'GET', await handOn(app, ['refunds:write']))).toEqual([401, 'chain_invalid'])
    })

    it('ends with the agent that handed it on', async () => {
      const app = await startBackend()
      const token = await handOn(app, ['orders:read'])
      expect((await ask(app, 'GET', token))[0]).toBe(200)
      revocations.apply({ type: 'agent', agentId: 'agt_clerk' })
      expect(await ask(app, 'GET', token)).toEqual([401, 'token_revoked'])
      revocations.withdraw({ type: 'agent', agentId: 'agt_clerk' })
    })
  })
}

describeHandingOn('Express', expressAdapter(express))
describeHandingOn('Koa', koaAdapter(Koa))
