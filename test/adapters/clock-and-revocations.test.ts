import { generateKeyPairSync } from 'node:crypto'
import { isRefusal, type KeySource } from '@countermark/core'
import { createRevocations, type Revocations } from '@countermark/delegation'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { signAction, verifyAction, verifySignature } from '@countermark/signature'
import {
  type AdapterUnderTest,
  createFakeClock,
  createTestAgent,
  type FakeClock,
  keySourceOf,
  rawRequest,
  sendRaw,
} from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

// One clock for the guard and everything behind it, and revocations that end signatures.

function describeClock<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`time and revocations behind ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)
    let clock: FakeClock

    beforeEach(() => {
      clock = createFakeClock()
    })

    /** A store and a list of revocations that were given no clock. */
    const startAt = (revocations?: Revocations, forget?: KeySource['forget']): Promise<GuardedApp> =>
      start({
        options: { clock },
        build: ({ app, guard, handler }) => {
          const findKeys: KeySource['findKeys'] = (query, ...more) => keySourceOf(agentOf()).findKeys(query, ...more)
          const keys: KeySource = { name: 'own', findKeys, ...(forget === undefined ? {} : { forget }) }
          const verify = verifySignature({ keys, ...(revocations === undefined ? {} : { revocations }) })
          app.use(guard(verify, preventReplay({ store: memoryReplayStore() })))
          app.use(handler)
        },
      }).then((app) => {
        known = app
        return app
      })
    let known: GuardedApp | undefined
    const agentOf = (): GuardedApp['agent'] => {
      if (known === undefined) throw new Error('nothing was started')
      return known.agent
    }
    const sign = async (app: GuardedApp, method = 'POST'): Promise<Buffer> =>
      rawRequest(await app.agent.signRequest({ method, created: Math.floor(clock.wallMs() / 1000) }))
    const send = async (app: GuardedApp, method?: string): Promise<unknown> =>
      outcomeOf(await sendRaw(app.port, await sign(app, method)))

    it('a store counts by the clock of the guard', async () => {
      const app = await startAt()
      const request = await sign(app)
      const send = async (): Promise<unknown> => outcomeOf(await sendRaw(app.port, request))
      expect([await send(), await send()]).toEqual(['200', '401 replay_detected'])
      clock.advance(3_600_000)
      expect(await send()).toBe('401 signature_expired')
    })

    it.each([
      ['agent', '403 agent_suspended'],
      ['key', '401 key_revoked'],
    ] as const)('a revoked %s may not sign any more, until that is withdrawn', async (type, refused) => {
      const revocations = createRevocations()
      const app = await startAt(revocations)
      const { agentId, thumbprint } = app.agent
      const event = type === 'agent' ? ({ type, agentId } as const) : ({ type, thumbprint } as const)
      expect(await send(app)).toBe('200')
      revocations.apply(event)
      expect(await send(app)).toBe(refused)
      revocations.withdraw(event)
      expect(await send(app)).toBe('200')
    })

    it('what was signed before a moment may be revoked alone', async () => {
      const revocations = createRevocations()
      const app = await startAt(revocations)
      const issuedBefore = Math.floor(clock.wallMs() / 1000)
      revocations.apply({ type: 'agent', agentId: app.agent.agentId, issuedBefore })
      expect(await send(app)).toBe('403 agent_suspended')
      clock.advance(5000)
      expect(await send(app)).toBe('200')
    })

    it('a feed that is silent by the clock of the guard stops unsafe methods', async () => {
      const revocations = createRevocations({ staleAfterSeconds: 60 })
      const app = await startAt(revocations)
      expect(await send(app)).toBe('200')
      clock.advance(61_000)
      expect([await send(app), await send(app, 'GET')]).toEqual(['503 revocation_unavailable', '200'])
      revocations.apply({ type: 'alive' })
      expect(await send(app)).toBe('200')
    })

    it('a key source forgets at once what was revoked', async () => {
      const revocations = createRevocations()
      const forgotten: unknown[] = []
      await startAt(revocations, (revoked) => void forgotten.push(revoked))
      revocations.apply({ type: 'key', thumbprint: 'k1' })
      revocations.apply({ type: 'user', issuer: 'https://auth.example.com', subject: 'user_17' })
      revocations.apply({ type: 'agent', agentId: 'agt_buyer' })
      expect(forgotten).toEqual([{ thumbprint: 'k1' }, { agentId: 'agt_buyer' }])
    })

    it('what a handler judges goes by the clock of the guard, and so do its stores and revocations', async () => {
      const told: unknown[] = []
      const { privateKey: key } = generateKeyPairSync('ed25519')
      const agent = await createTestAgent({
        agentId: 'agt_buyer',
        clock,
        privateJwk: key.export({ format: 'jwk' }) as never,
      })
      const keys = keySourceOf(agent)
      const store = memoryReplayStore({ startedAt: 0 })
      const revocations = createRevocations({ staleAfterSeconds: 60 })
      const verify = verifyAction({ keys, store, revocations, audience: 'billing' })
      const app = await start({
        options: { clock },
        build: ({ adapter, guard, verified, handler }) => [
          verified(),
          adapter.step(async () => void told.push(await codeOf(() => verify(action, guard.environment)))),
          handler,
        ],
      })
      const created = Math.floor(clock.wallMs() / 1000)
      const action = await signAction({
        ...{ action: 'refunds:create', parameters: {}, audience: 'billing', agentId: 'agt_buyer', keyId: agent.keyId },
        ...{ key, created, expires: created + 300, nonce: 'b3k2pp5k7z' },
      })
      const send = async (): Promise<unknown> => void (await app.send({ created: Math.floor(clock.wallMs() / 1000) }))
      await send()
      await send()
      clock.advance(61_000)
      await send()
      revocations.apply({ type: 'agent', agentId: 'agt_buyer' })
      await send()
      clock.advance(300_000)
      await send()
      expect(told).toEqual([
        ...['accepted', 'replay_detected', 'revocation_unavailable', 'agent_suspended', 'signature_expired'],
      ])
    })

    it('a list of revocations that had no room cannot tell about whom it had none for', async () => {
      const revocations = createRevocations({ maxEntries: 1 })
      const app = await startAt(revocations)
      revocations.apply({ type: 'key', thumbprint: 'k1' })
      revocations.apply({ type: 'agent', agentId: app.agent.agentId })
      expect(await send(app)).toBe('503 revocation_unavailable')
      revocations.clear()
      expect(await send(app)).toBe('200')
    })
  })
}

describeClock('Express 5', expressAdapter(express))
describeClock('Express 4', expressAdapter(express4))
describeClock('Koa 3', koaAdapter(Koa))
describeClock('Koa 2', koaAdapter(Koa2))

async function codeOf(judge: () => unknown): Promise<unknown> {
  try {
    await judge()
    return 'accepted'
  } catch (error) {
    return isRefusal(error) ? error.code : error
  }
}
