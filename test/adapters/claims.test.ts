import { randomUUID } from 'node:crypto'
import type { ClaimResult, ReplayStore } from '@countermark/core'
import { verifyDelegation } from '@countermark/delegation'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { type AdapterUnderTest, type RawResponse, rawRequest, sendRaw } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { createDpopProver, type DpopProver } from '../../packages/delegation/test/dpop-prover.ts'
import { createTestIssuer, type TestIssuer } from '../../packages/delegation/test/token-issuer.ts'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund, behindCapability, createApprover, limits } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

// One message is used up once, however many guards judge it; and what a store of the application's own gets wrong is 503.

const AUDIENCE = 'https://api.example.com'
const APPROVAL = limits({ require_approval_for: ['refunds:create'] })

/** Stores that do not keep the rules, or do not answer. */
const BROKEN: readonly (readonly [string, () => unknown])[] = [
  ['throws', () => toThrow(new Error('ECONNREFUSED'))],
  ['rejects', () => Promise.reject(new Error('ECONNREFUSED'))],
  ['says yes', () => true],
  ['has no answer', async () => undefined],
]

function brokenStore(claim: () => unknown): ReplayStore {
  return { name: 'own', claim: claim as () => ClaimResult, issueNonce: () => undefined }
}

function describeClaims<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`claims behind ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    let issuer: TestIssuer
    let prover: DpopProver

    beforeAll(async () => {
      issuer = await createTestIssuer()
      prover = createDpopProver()
    })

    const tokens = (store: ReplayStore): ReturnType<typeof verifyDelegation> =>
      verifyDelegation({ issuers: [issuer.options()], audience: AUDIENCE, requirePoP: false, dpop: { store } })
    const withProof = async (app: GuardedApp): Promise<() => Promise<RawResponse>> => {
      const now = Math.floor(Date.now() / 1000)
      const token = await issuer.mint({ cnf: { jkt: prover.thumbprint }, iat: now - 1, exp: now + 600 })
      const proof = await prover.prove({ token, at: now, claims: { jti: randomUUID() } })
      const headers = [
        ['Authorization', `DPoP ${token}`],
        ['DPoP', proof],
      ] as const
      return () => app.sendPlain({ target: '/orders', headers })
    }
    const signed = async (app: GuardedApp): Promise<() => Promise<RawResponse>> => {
      const request = rawRequest(await app.agent.signRequest({ target: '/orders/1' }))
      return () => sendRaw(app.port, request)
    }
    const twice = async (send: () => Promise<RawResponse>): Promise<readonly unknown[]> =>
      [await send(), await send()].map(outcomeOf)

    const ONCE = ['200', '401 replay_detected']

    it('takes a signed request that passes one guard twice, and no copy of it', async () => {
      const app = await start({
        build: ({ app, guard, checks, handler }) => {
          const guarded = guard(checks.verify, checks.once)
          app.use(guarded)
          app.mount('router', '/orders', (inner) => {
            inner.use(guarded)
            inner.route('get', '/1', handler)
          })
        },
      })
      expect(await twice(await signed(app))).toEqual(ONCE)
      expect(app.runs).toHaveLength(1)
    })

    it('takes a signed request that passes guards of two factories with one store', async () => {
      const app = await start({
        build: ({ app, guard, adapter, checks, handler }) => {
          const other = adapter.createGuard({ origins: ['api.example.com'] })
          const store = memoryReplayStore({ startedAt: 0 })
          app.use(guard(checks.verify, preventReplay({ store })))
          app.use(other(checks.verify, preventReplay({ store })))
          app.use(handler)
        },
      })
      expect(await twice(await signed(app))).toEqual(ONCE)
    })

    it('takes a DPoP proof that passes one guard twice, and no copy of it', async () => {
      const app = await start({
        build: ({ app, guard, handler }) => {
          const guarded = guard(tokens(memoryReplayStore({ startedAt: 0 })))
          app.use(guarded)
          app.use(guarded)
          app.use(handler)
        },
      })
      expect(await twice(await withProof(app))).toEqual(ONCE)
    })

    it.each(BROKEN)('answers a signed request with 503 when the store %s', async (_how, claim) => {
      const app = await start(({ guard, checks, handler }) => [
        guard(checks.verify, preventReplay({ store: brokenStore(claim) })),
        handler,
      ])
      expect(outcomeOf(await (await signed(app))())).toBe('503 replay_store_unavailable')
    })

    it.each(BROKEN)('answers a DPoP proof with 503 when the store %s', async (_how, claim) => {
      const app = await start(({ guard, handler }) => [guard(tokens(brokenStore(claim))), handler])
      expect(outcomeOf(await (await withProof(app))())).toBe('503 replay_store_unavailable')
    })

    it.each(BROKEN)('answers an approved request with 503 when the store %s', async (_how, claim) => {
      const approver = createApprover()
      const approvals = { ...approver.rules, store: brokenStore(claim) }
      const app = await start({ build: behindCapability({ rules: { approvals }, delegation: APPROVAL }) })
      const ticket = approver.ticketFor(await app.send(aRefund({ amount: 1, currency: 'USD' })))
      const approved = aRefund({ amount: 1, currency: 'USD' }, { 'Approval-Ticket': ticket })
      expect(outcomeOf(await app.send(approved))).toBe('503 replay_store_unavailable')
    })
  })
}

describeClaims('Express 5', expressAdapter(express))
describeClaims('Express 4', expressAdapter(express4))
describeClaims('Koa 3', koaAdapter(Koa))
describeClaims('Koa 2', koaAdapter(Koa2))

function toThrow(error: unknown): never {
  throw error
}
