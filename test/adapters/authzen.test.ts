import type { ComposeGuard } from '@countermark/core/internal'
import type { PolicyFunction, PolicyInput } from '@countermark/policy'
import { type DecisionPointOptions, authzen as expressPoint } from '@countermark/policy/express'
import { authzen as koaPoint } from '@countermark/policy/koa'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import { type GuardedApp, outcomeOf, useGuardedApps } from '../../packages/testing/src/adapters/guarded-app.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

type Router<Middleware> = (guard: ComposeGuard<Middleware>, options: DecisionPointOptions) => Middleware

const QUESTION = {
  subject: { type: 'user', id: 'user_123', properties: { issuer: 'https://login.example.com' } },
  action: { name: 'pr.create' },
  resource: { type: 'repo', id: 'acme/api', properties: { type: 'evil', private: true } },
  context: { actor: { type: 'agent', id: 'agt_a' }, scope: ['pr:write:draft'], caller: 'somebody else' },
}
const isDraft: PolicyFunction = ({ scope }) => ({
  allow: scope.includes('pr:write:draft'),
  reason: 'drafts',
  revision: 'r3',
})

function describePoint<Middleware>(
  name: string,
  adapter: AdapterUnderTest<Middleware>,
  router: Router<Middleware>,
): void {
  describe(`a decision point on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    const startPoint = (
      engine: PolicyFunction = isDraft,
      more: Partial<DecisionPointOptions> = {},
    ): Promise<GuardedApp> =>
      start(({ app, guard, checks, handler }) => {
        const point = router(guard, { engine, url: 'https://api.example.com', ...more })
        app.use(point, guard(checks.verify, checks.once), handler)
        return undefined
      })
    const startBehind = (
      engine: PolicyFunction = isDraft,
      more: Partial<DecisionPointOptions> = {},
    ): Promise<GuardedApp> =>
      start(({ app, guard, checks, handler }) => {
        app.use(
          guard(checks.verify, checks.once),
          router(guard, { engine, url: 'https://api.example.com', ...more }),
          handler,
        )
        return undefined
      })
    const ask = (app: GuardedApp, body: unknown, path = 'evaluation', headers: Record<string, string> = {}) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const sent = { 'Content-Type': 'application/json', ...headers }
      return app.send({ method: 'POST', target: `/access/v1/${path}`, headers: sent, body: text })
    }

    it('answers a gateway that it knows, and asks its engine what a guard would ask', async () => {
      const seen: PolicyInput[] = []
      const app = await startBehind(
        (input) => seen.push(input) > 0 && { allow: true, reason: 'drafts', revision: 'r3' },
      )
      const answer = await ask(app, QUESTION, 'evaluation', { 'X-Request-ID': 'req-7' })
      expect([answer.status, answer.header('x-request-id'), answer.header('cache-control')]).toEqual([
        200,
        'req-7',
        'no-store',
      ])
      expect(JSON.parse(answer.text)).toEqual({
        decision: true,
        context: { reason_admin: { en: 'drafts' }, policy_revision: 'r3' },
      })
      expect(seen).toEqual([
        {
          actor: { type: 'agent', id: 'agt_a' },
          on_behalf_of: { user_id: 'user_123', issuer: 'https://login.example.com' },
          action: 'pr.create',
          resource: { type: 'repo', id: 'acme/api', private: true },
          scope: ['pr:write:draft'],
          context: { caller: 'agt_buyer' },
        },
      ])
    })

    it('answers no stranger, and no one whom no guard has proven', async () => {
      const [behind, before] = [await startBehind(), await startPoint()]
      const plain = { method: 'POST', target: '/access/v1/evaluation', body: Buffer.from(JSON.stringify(QUESTION)) }
      const headers = [
        ['Content-Type', 'application/json'],
        ['Content-Length', String(plain.body.length)],
      ] as const
      expect(outcomeOf(await behind.sendPlain({ ...plain, headers }))).toBe('401 credentials_missing')
      expect(outcomeOf(await ask(before, QUESTION))).toBe('500 config_error')
    })

    it('answers only those who may ask', async () => {
      const app = await startBehind(isDraft, { mayAsk: ({ id }) => id === 'agt_gateway' })
      expect(outcomeOf(await ask(app, QUESTION))).toBe('403 actor_unauthorized')
    })

    it('says where it is, and leaves other paths to the application', async () => {
      const app = await startPoint()
      const found = await app.sendPlain({
        target: '/.well-known/authzen-configuration',
        headers: [['Host', 'api.example.com']],
      })
      expect(JSON.parse(found.text)).toEqual({
        policy_decision_point: 'https://api.example.com',
        access_evaluation_endpoint: 'https://api.example.com/access/v1/evaluation',
        access_evaluations_endpoint: 'https://api.example.com/access/v1/evaluations',
      })
      expect([(await app.send({ target: '/access/v1/evaluation' })).status, (await app.send({})).status]).toEqual([
        405, 200,
      ])
    })

    it.each<[string, readonly boolean[]]>([
      ['execute_all', [true, false, true]],
      ['deny_on_first_deny', [true, false]],
      ['permit_on_first_permit', [true]],
    ])('answers many questions in the order %s', async (semantic, decisions) => {
      const app = await startBehind()
      const context = (scope: readonly string[]) => ({ context: { scope } })
      const evaluations = [context(['pr:write:draft']), context([]), context(['pr:write:draft'])]
      const answer = await ask(
        app,
        { ...QUESTION, evaluations, options: { evaluations_semantic: semantic } },
        'evaluations',
      )
      const found: { evaluations: { decision: boolean }[] } = JSON.parse(answer.text)
      expect(found.evaluations.map(({ decision }) => decision)).toEqual(decisions)
    })

    it('has no decision while the engine has none', async () => {
      const app = await startBehind(() => 'true')
      const many = await ask(app, { ...QUESTION, evaluations: [{}, {}] }, 'evaluations')
      expect(outcomeOf(await ask(app, QUESTION))).toBe('503 policy_unavailable')
      expect(JSON.parse(many.text).evaluations).toMatchObject([
        { decision: false, context: { error: { status: 503 } } },
        { decision: false, context: { error: { status: 503 } } },
      ])
    })

    it.each<[string, unknown]>([
      ['no JSON', 'decision=true'],
      ['a list', [QUESTION]],
      ['a member twice', '{"subject":{"type":"a","id":"b"},"subject":{"type":"a","id":"c"}}'],
      ['a prototype', '{"__proto__":{"subject":{"type":"a","id":"b"}}}'],
      ['no subject', { ...QUESTION, subject: undefined }],
      ['a subject without an id', { ...QUESTION, subject: { type: 'user' } }],
      ['an id that is a number', { ...QUESTION, subject: { type: 'user', id: 7 } }],
      ['an action without a name', { ...QUESTION, action: {} }],
    ])('refuses %s', async (_what, body) => {
      expect(outcomeOf(await ask(await startBehind(), body))).toBe('400 request_malformed')
    })

    it('refuses more questions than are allowed', async () => {
      const app = await startBehind(isDraft, { maxEvaluations: 2 })
      expect(outcomeOf(await ask(app, { ...QUESTION, evaluations: [{}, {}, {}] }, 'evaluations'))).toBe(
        '400 request_malformed',
      )
    })
  })
}

describePoint('Express 5', expressAdapter(express), expressPoint)
describePoint('Express 4', expressAdapter(express4), expressPoint)
describePoint('Koa 3', koaAdapter(Koa), koaPoint)
describePoint('Koa 2', koaAdapter(Koa2), koaPoint)
