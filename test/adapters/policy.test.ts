import { requireCapability } from '@countermark/capability'
import { consultPolicy, type PolicyEngine, type PolicyFunction, type PolicyInput } from '@countermark/policy'
import type { AdapterUnderTest } from '@countermark/testing'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import Koa2 from 'koa2'
import {
  type GuardedApp,
  outcomeOf,
  problemOf,
  useGuardedApps,
} from '../../packages/testing/src/adapters/guarded-app.ts'
import { grant } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const POST = { method: 'POST', target: '/pulls', body: '{}' }
const GRANTED = { scopes: ['repo:read', 'pr:write:draft'] }

/** Rego in TypeScript: what the printed policy says of its input. */
const printed: PolicyFunction = ({ actor, on_behalf_of: user, action, resource, scope }) =>
  actor.type === 'agent' &&
  actor.id === 'agt_buyer' &&
  user?.user_id === 'user_123' &&
  action === 'pr.create' &&
  resource['repo'] === 'acme/api' &&
  scope.includes('pr:write:draft')

function describePolicy<Middleware>(name: string, adapter: AdapterUnderTest<Middleware>): void {
  describe(`consultPolicy on ${name}`, () => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    async function startWith(engine: PolicyEngine | PolicyFunction, timeoutMs = 100): Promise<GuardedApp> {
      const policy = consultPolicy(engine, { timeoutMs })
      return start({
        build: ({ app, guard, checks, adapter }) => {
          app.use(guard(checks.verify, checks.once, grant(GRANTED)))
          const capable = requireCapability('pr:write:draft')
          const route = policy.for({ action: 'pr.create', resource: { repo: 'acme/api' } })
          const answer = adapter.answer(({ agent }) => ({ policy: agent?.policy }))
          app.use(guard(capable, route), answer)
          return undefined
        },
      })
    }

    it('asks who, for whom, what, of what, with which scopes and where', async () => {
      const seen: PolicyInput[] = []
      const { send } = await startWith((input) => seen.push(input) > 0)
      expect((await send(POST)).status).toBe(200)
      expect(seen).toEqual([
        {
          actor: {
            type: 'agent',
            id: 'agt_buyer',
            level: 'signed',
            scheme: 'httpsig',
            issuer: 'https://login.example.com',
          },
          on_behalf_of: { user_id: 'user_123', issuer: 'https://login.example.com' },
          action: 'pr.create',
          resource: { repo: 'acme/api' },
          scope: ['repo:read', 'pr:write:draft'],
          context: {
            method: 'POST',
            origin: 'https://api.example.com',
            path: '/pulls',
            time: expect.stringMatching(/^\d{4}-/),
            ip: '127.0.0.1',
            capabilities: ['pr:write:draft'],
            approved: false,
            delegation: {
              issuer: 'https://login.example.com',
              binding: 'jwk',
              chain: [{ id: 'agt_buyer', issuer: 'https://login.example.com' }],
            },
          },
        },
      ])
    })

    it('lets pass what the policy allows, and tells handlers what it said', async () => {
      const { send } = await startWith((input) => ({ allow: printed(input, CALL), reason: 'ok', revision: 'r7' }))
      const { status, text } = await send(POST)
      expect(status).toBe(200)
      expect(JSON.parse(text)).toEqual({
        policy: {
          ...{ engine: 'function', decision: 'allow', action: 'pr.create', reason: 'ok', revision: 'r7' },
          ...{ obligations: [], isCached: false },
        },
      })
    })

    it('refuses what it denies, tells the caller what it may know and the operator why', async () => {
      const { send, observer } = await startWith(() => ({
        ...{ allow: false, reason: 'not-your-repo', tell: 'Ask the owner of acme/api.', revision: 'r7' },
      }))
      const answer = await send(POST)
      expect([outcomeOf(answer), problemOf(answer)['reason']]).toEqual([
        '403 policy_denied',
        'Ask the owner of acme/api.',
      ])
      expect(answer.text).not.toContain('not-your-repo')
      expect(observer.decisions.at(-1)?.facts.policy).toMatchObject({
        ...{ decision: 'deny', reason: 'not-your-repo', revision: 'r7' },
      })
      expect(observer.total('policy_denials_total', { reason: 'not-your-repo' })).toBe(1)
      expect(observer.total('policy_decisions_total', { engine: 'function', decision: 'deny', source: 'engine' })).toBe(
        1,
      )
    })

    it.each<[string, PolicyFunction, string]>([
      ['throws', () => Promise.reject(new Error('gone')), 'failed'],
      ['is slow', () => new Promise(() => undefined), 'timeout'],
      ['decides nothing', () => undefined, 'undecided'],
      ['says neither yes nor no', () => ({ reason: 'hm' }), 'undecided'],
      ['says "true"', () => 'true', 'malformed'],
      ['says allow: "true"', () => ({ allow: 'true' }), 'malformed'],
      ['says allow: 1', () => ({ allow: 1 }), 'malformed'],
      ['says [true]', () => [true], 'malformed'],
      ['inherits its yes', () => Object.create({ allow: true }), 'undecided'],
      ['asks for what is not known', () => ({ allow: true, obligations: [{ type: 'dance' }] }), 'obligation_unknown'],
      ['has obligations that are no list', () => ({ allow: true, obligations: 'approval' }), 'malformed'],
    ])('refuses with 503 when the policy %s', async (_what, engine, reason) => {
      const { send, observer } = await startWith(engine, 30)
      const answer = await send(POST)
      expect(outcomeOf(answer)).toBe('503 policy_unavailable')
      expect(answer.header('retry-after')).toBe('1')
      expect(observer.total('policy_failures_total', { reason })).toBe(1)
      expect(observer.decisions.at(-1)?.facts.policy).toMatchObject({ decision: 'unavailable', reason })
    })

    it('denies where a package of Rego has reasons to deny beside its allow', async () => {
      const { send } = await startWith(() => ({ allow: true, deny: ['no pull requests on Fridays'] }))
      expect(outcomeOf(await send(POST))).toBe('403 policy_denied')
    })

    it.each([
      [{ type: 'approval' }, '403 approval_required'],
      [{ type: 'read_only' }, '403 constraint_violation'],
      [{ type: 'limit', argument: 'amount', max: 5 }, '403 constraint_violation'],
      [{ type: 'limit', retry_after_seconds: 7 }, '429 rate_limited'],
    ])('answers the obligation %j with a refusal of its own', async (obligation, outcome) => {
      const { send, observer } = await startWith(() => ({ allow: true, obligations: [obligation] }))
      const answer = await send(POST)
      expect(outcomeOf(answer)).toBe(outcome)
      expect(answer.header('retry-after')).toBe(outcome.startsWith('429') ? '7' : undefined)
      expect(observer.decisions.at(-1)?.facts.policy?.obligations).toEqual([obligation.type])
      expect(observer.total('policy_obligations_total', { obligation: obligation.type, result: 'refused' })).toBe(1)
    })

    it('lets a read-only caller read', async () => {
      const { send } = await startWith(() => ({ allow: true, obligations: [{ type: 'read_only' }] }))
      expect(outcomeOf(await send({ target: '/pulls' }))).toBe('200')
    })

    it('asks again for each request, unless the policy says how long its answer holds', async () => {
      let asked = 0
      const { send, observer } = await startWith(({ context }) => {
        asked++
        return context['method'] === 'POST' ? { allow: true, cache_seconds: 60 } : true
      })
      const outcomes = [await send(POST), await send(POST), await send({}), await send({})].map(outcomeOf)
      expect([outcomes, asked]).toEqual([['200', '200', '200', '200'], 3])
      expect(observer.total('policy_decisions_total', { source: 'cache' })).toBe(1)
    })
  })
}

const CALL = { signal: new AbortController().signal }

describePolicy('Express 5', expressAdapter(express))
describePolicy('Express 4', expressAdapter(express4))
describePolicy('Koa 3', koaAdapter(Koa))
describePolicy('Koa 2', koaAdapter(Koa2))
