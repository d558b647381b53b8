import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { memoryBudgets, redisBudgets } from '@countermark/capability'
import type { RefusalRow } from '@countermark/core'
import { REFUSAL_CODES } from '@countermark/core/internal'
import { type AnswerStore, idempotency, memoryAnswers, redisAnswers } from '@countermark/idempotency'
import type { AdapterUnderTest, RawResponse } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import {
  type GuardedApp,
  type GuardedAppInput,
  problemOf,
  useGuardedApps,
} from '../../packages/testing/src/adapters/guarded-app.ts'
import { aRefund, behindCapability, createApprover, grant, limits, type RouteInput } from './capability-world.ts'
import { expressAdapter } from './express-adapter.ts'
import { EXPRESS_STEP, KOA_STEP, type WithIdempotency } from './idempotent-step.ts'
import { koaAdapter } from './koa-adapter.ts'
import { createSignatureChecks } from './signature-checks.ts'

const SOURCES = resolve(__dirname, '../../packages/capability/src')
const MODES = ['standard', 'wba', 'seed'] as const

type Ask = (app: GuardedApp) => Promise<RawResponse>
interface Case {
  readonly route?: () => RouteInput
  /** A step with keys in front of the handler. */
  readonly answers?: () => AnswerStore
  readonly ask?: Ask
}

const ONE = { amount: 1, currency: 'USD' }
const dead = { call: () => Promise.reject(new Error('Redis is gone')) }
const keyed = (key: string, content: unknown = ONE) => aRefund(content, { 'Idempotency-Key': key })

const twice =
  (first: ReturnType<typeof aRefund>, second = first): Ask =>
  async (app) => {
    await app.send(first)
    return app.send(second)
  }

const CASES: Readonly<Partial<Record<keyof typeof REFUSAL_CODES, Case>>> = {
  insufficient_scope: { route: () => ({ wanted: 'refunds:delete' }) },
  constraint_violation: { route: () => ({ delegation: limits({ max_amount: { value: 0, currency: 'USD' } }) }) },
  constraint_unknown: { route: () => ({ delegation: limits({ max_widgets: 1 }) }) },
  token_expired: { route: () => ({ delegation: { scopes: ['refunds:create:1s'] } }) },
  approval_required: { route: () => ({ delegation: limits({ require_approval_for: ['refunds:*'] }) }) },
  approval_pending: filedAtApprover(),
  coverage_insufficient: {
    route: () => ({ delegation: limits({ max_amount: { value: 9, currency: 'USD' } }) }),
    ask: (app) => app.send({ ...aRefund(ONE), tag: 'web-bot-auth', components: ['@authority'] }),
  },
  budget_store_unavailable: {
    route: () => ({
      delegation: limits({ max_requests_per_hour: 1 }),
      rules: { budgets: redisBudgets({ client: dead }) },
    }),
  },
  rate_limited: {
    route: () => ({ delegation: limits({ max_requests_per_hour: 1 }), rules: { budgets: memoryBudgets() } }),
    ask: twice(aRefund(ONE)),
  },
  config_error: { route: () => ({ delegation: limits({ max_requests_per_hour: 1 }) }) },
  request_malformed: { answers: () => memoryAnswers(), ask: (app) => app.send(keyed('')) },
  idempotency_key_reused: {
    answers: () => memoryAnswers(),
    ask: twice(keyed('k'), keyed('k', { amount: 2, currency: 'USD' })),
  },
  idempotency_in_progress: { answers: neverFinishing, ask: twice(keyed('k')) },
  idempotency_store_unavailable: { answers: () => redisAnswers({ client: dead }), ask: (app) => app.send(keyed('k')) },
  replay_store_unavailable: approvalBy('full'),
}

/** A store in which nothing is ever done. */
function neverFinishing(): AnswerStore {
  const begun = new Set<string>()
  return {
    name: 'memory',
    begin: ({ id }) => {
      if (begun.has(id)) return { state: 'running' }
      begun.add(id)
      return { state: 'first', finish: () => undefined, abandon: () => undefined }
    },
  }
}

/** An approver with whom requests are left. */
function filedAtApprover(): Case {
  const url = 'https://approve.example.com/requests/apr_1'
  const file = async () => ({ id: 'apr_1', url, expiresAt: 4_000_000_000, retryAfterSeconds: 5 })
  const approvals = { ...createApprover().rules, file, unapproved: 'filed' as const }
  return { route: () => ({ delegation: limits({ require_approval_for: ['refunds:*'] }), rules: { approvals } }) }
}

/** A ticket that holds, and a store of used ones that says something else. */
function approvalBy(result: 'full'): Case {
  const approver = createApprover()
  const approvals = { ...approver.rules, store: { ...approver.rules.store, claim: () => result } }
  return {
    route: () => ({ delegation: limits({ require_approval_for: '*' }), rules: { approvals } }),
    ask: async (app) => {
      const refused = await app.send(aRefund(ONE))
      return app.send(aRefund(ONE, { 'Approval-Ticket': approver.ticketFor(refused) }))
    },
  }
}

function describeCodes<Middleware>(
  name: string,
  adapter: AdapterUnderTest<Middleware>,
  withKeys: WithIdempotency<Middleware>,
): void {
  const cases = Object.entries(CASES) as readonly (readonly [keyof typeof REFUSAL_CODES, Case])[]
  describe.each(cases)(`${name}: %s`, (code, { route, answers, ask = (app: GuardedApp) => app.send(aRefund(ONE)) }) => {
    const start = useGuardedApps(adapter, createSignatureChecks)

    function build(): NonNullable<GuardedAppInput<Middleware>['build']> {
      if (answers === undefined) return behindCapability(route?.())
      const idempotent = idempotency({ store: answers() })
      return ({ app, guard, checks, handler }) => {
        app.use(guard(checks.verify, checks.once, grant()))
        app.route('post', '/refunds', withKeys(idempotent, guard), handler)
      }
    }

    it.each(MODES)('is answered with its status, statusMode %s', async (statusMode) => {
      const weak = { safe: 'identified', unsafe: 'identified' } as const
      const app = await start({ options: { statusMode, minimumLevel: weak }, build: build() })
      const response = await ask(app)
      const row: RefusalRow = REFUSAL_CODES[code]
      const status = (statusMode === 'standard' ? undefined : row[statusMode]) ?? row.status
      expect([problemOf(response)['code'], response.status]).toEqual([code, status])
      expect(problemOf(response)).toMatchObject({ status, title: row.title, retry: row.retry })
      expect(response.header('retry-after') !== undefined).toBe(row.retry === 'later')
    })
  })
}

describeCodes('Express', expressAdapter(express), EXPRESS_STEP)
describeCodes('Koa', koaAdapter(Koa), KOA_STEP)

it('covers every code that the package refuses with', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const sources = files.map((name) => readFileSync(join(SOURCES, name), 'utf8'))
  const named = sources.flatMap((source) =>
    [...source.matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)].map(([, code = '']) => code),
  )
  const thrown = [...new Set(named)].filter((code) => Object.hasOwn(REFUSAL_CODES, code))
  expect(thrown.filter((code) => !Object.hasOwn(CASES, code))).toEqual([])
  expect(thrown).toContain('approval_required')
})
