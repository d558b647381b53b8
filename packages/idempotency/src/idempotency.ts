import { type Check, defineCheck, Refusal, Unavailable } from '@countermark/core'
import { isSafeMethod, methods, number, optionTable, then, word } from '@countermark/core/internal'
import type { AnswerStore, KeyState } from './answer-store.ts'
import { describeKeyedRequest, type KeyHolder, readKey } from './keyed-request.ts'
import { METRICS } from './metric-rows.ts'
import {
  type Begun,
  createExpressStep,
  createKoaStep,
  type ExpressHandler,
  type ExpressStep,
  type GuardWith,
  type KoaMiddleware,
  type KoaStep,
} from './steps.ts'

/** Options of {@link idempotency}. */
export interface IdempotencyOptions {
  /** Where keys and answers are kept; processes that serve the same agents share it. */
  readonly store: AnswerStore
  /** Whether requests that change something must have a key. @default 'optional' */
  readonly key?: 'optional' | 'required'
  /** Largest answer that is kept; of a larger one, only that there was one. Bytes. @default 262_144 */
  readonly maxAnswerBytes?: number
}

const OPTIONS = optionTable('idempotency', {
  store: methods<AnswerStore>(['begin'], 'pass memoryAnswers() or redisAnswers({ client })'),
  key: word(['optional', 'required'], 'optional'),
  maxAnswerBytes: number({ min: 0, default: 262_144 }),
})

/** The step that answers repeated requests, for either framework. */
export interface Idempotency {
  /** The step as middleware of Express. */
  readonly express: (guard: GuardWith<ExpressHandler>) => ExpressStep
  /** The step as middleware of Koa. */
  readonly koa: (guard: GuardWith<KoaMiddleware>) => KoaStep
}

/**
 * Executes a request with an `Idempotency-Key` once, and gives its answer to a repetition: the same agent, for the same
 * user, on the same route, with the same content. Mount it behind the guard that knows the agent and before the one that
 * counts budgets and claims tickets.
 * @example
 * app.post('/refunds', idempotent.express(guard), guard(requireCapability('refunds:create')), handler)
 */
export function idempotency(options: IdempotencyOptions): Idempotency {
  const { store, key, maxAnswerBytes: maxBytes } = OPTIONS.read(options)
  const begun = new WeakMap<object, Begun>()
  const check = createCheck(store, key === 'required', begun)
  return {
    express: (guard) => createExpressStep(guard(check), { begun, maxBytes }),
    koa: (guard) => createKoaStep(guard(check), { begun, maxBytes }),
  }
}

function createCheck(store: AnswerStore, isRequired: boolean, begun: WeakMap<object, Begun>): Check<KeyHolder, object> {
  return defineCheck<KeyHolder, object>(
    {
      name: 'idempotency',
      needs: ['agent'],
      adds: [],
      settings: { required: isRequired, store: store.name },
      metrics: [...METRICS.rowsOf({ store: store.name }), ...(store.metrics ?? [])],
    },
    (request, holder, environment) => {
      if (isSafeMethod(request.method) || request.method === 'TRACE') return {}
      const key = readKey(request, holder.proof)
      if (key === undefined && isRequired) throw new Refusal('request_malformed', 'Idempotency-Key is required')
      if (key === undefined) return {}
      return then(request.body('proven'), (body) => {
        const keyed = describeKeyedRequest(request, holder, { key, body })
        return then(store.begin(keyed, environment), (given) => {
          const { state } = given
          environment.report(METRICS.measure('idempotent_requests_total', 1, { store: store.name, result: state }))
          begun.set(request.raw, requireBegun(given))
          return {}
        })
      })
    },
  )
}

function requireBegun(state: KeyState): Begun {
  if (state.state === 'first' || state.state === 'answered') return state
  throw REFUSALS[state.state]()
}

const REFUSALS: Readonly<Record<Exclude<KeyState['state'], 'first' | 'answered'>, () => Refusal>> = {
  running: () => new Refusal('idempotency_in_progress', 'the first request with this key has no answer yet'),
  unkept: () => new Refusal('idempotency_in_progress', 'this was executed, and its answer was too large to keep'),
  reused: () => new Refusal('idempotency_key_reused', 'this key was used for another request'),
  over_quota: () => new Refusal('rate_limited', 'this agent has too many idempotency keys', { retryAfterSeconds: 60 }),
  full: () =>
    new Unavailable('idempotency_store_unavailable', 'idempotency', 'there is no room for another idempotency key'),
}
