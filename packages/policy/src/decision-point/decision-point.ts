import {
  type AgentFact,
  type AgentRequest,
  type Check,
  defineCheck,
  type Environment,
  Misconfigured,
  Refusal,
  Unavailable,
} from '@countermark/core'
import {
  callback,
  custom,
  isJsonObject,
  type JsonObject,
  number,
  optionTable,
  parseStrictJson,
} from '@countermark/core/internal'
import { type AskEngine, createAsk, EngineFailure } from '../answer/ask-engine.ts'
import type { PolicyDecision, PolicyEngine, PolicyFunction } from '../engines/engine.ts'
import type { PolicyInput } from '../input/policy-input.ts'
import { METRICS } from '../metric-rows.ts'
import { requireEngine } from '../policy-options.ts'
import { type AskedEvaluations, isOver, malformed, readQuestion, readQuestions, writeAnswer } from './evaluation.ts'

/** Options of {@link authzen}. */
export interface DecisionPointOptions {
  /** What decides. */
  readonly engine: PolicyEngine | PolicyFunction
  /** Where this decision point is reached, such as `https://api.example.com`: never taken from a request. */
  readonly url: string
  /** Who may ask, of those who are proven. @default all of them */
  readonly mayAsk?: (caller: AgentFact) => boolean
  /** How long one question waits for an engine elsewhere. Milliseconds. @default 1_000 */
  readonly timeoutMs?: number
  /** Most questions in one request. @default 100 */
  readonly maxEvaluations?: number
}

/** What is answered. */
export interface PointAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What one path is for. */
export type PointPlace = { readonly answer: PointAnswer } | { readonly endpoint: Endpoint }

type Endpoint = 'evaluation' | 'evaluations'

/** The decision point, for any framework. `raw` is the request of node:http. */
export interface DecisionPoint {
  /** Answers the questions of a caller that is proven, before the handler. */
  readonly check: Check<{ readonly agent: AgentFact }, object>
  /** `undefined` for what is none of its paths. */
  readonly find: (method: string | undefined, path: string) => PointPlace | undefined
  readonly expect: (raw: object, endpoint: Endpoint) => void
  readonly answerOf: (raw: object) => PointAnswer
}

const OPTIONS = optionTable('authzen', {
  engine: custom((_, given) => requireEngine(given as PolicyEngine)),
  url: custom((_, given) => requireUrl(given)),
  mayAsk: callback<NonNullable<DecisionPointOptions['mayAsk']>>(),
  timeoutMs: number({ min: 1, max: 10_000, default: 1_000 }),
  maxEvaluations: number({ min: 1, max: 1_000, default: 100 }),
})

const BODY = { maxDepth: 16, maxMembers: 20_000 }
const PATHS: ReadonlyMap<string, Endpoint> = new Map([
  ['/access/v1/evaluation', 'evaluation'],
  ['/access/v1/evaluations', 'evaluations'],
])
const METADATA = '/.well-known/authzen-configuration'

/**
 * Makes a decision point of AuthZEN 1.0.
 * @throws Misconfigured `ERR_OPTION_INVALID`, `ERR_OPTION_MISSING`, `ERR_OPTION_UNKNOWN`
 */
export function createDecisionPoint(options: DecisionPointOptions): DecisionPoint {
  const { engine, url, mayAsk = () => true, timeoutMs, maxEvaluations } = OPTIONS.read(options)
  const ask = createAsk(engine, { timeoutMs, cacheEntries: 0 })
  const metadata = { answer: json(200, metadataOf(url)) }
  const endpoints = new WeakMap<object, Endpoint>()
  const answers = new WeakMap<object, PointAnswer>()
  return {
    find: (method, path) => {
      if (path === METADATA) return method === 'GET' || method === 'HEAD' ? metadata : { answer: notAllowed('GET') }
      const endpoint = PATHS.get(path)
      if (endpoint === undefined) return undefined
      return method === 'POST' ? { endpoint } : { answer: notAllowed('POST') }
    },
    expect: (raw, endpoint) => void endpoints.set(raw, endpoint),
    answerOf: (raw) => answers.get(raw) ?? json(500, { error: 'the decision point has no answer' }),
    check: defineCheck(
      { name: 'decisionPoint', needs: ['agent'], adds: [], metrics: [...METRICS.rows, ...(engine.metrics ?? [])] },
      async (request, { agent }, environment) => {
        const endpoint = endpoints.get(request.raw)
        if (endpoint === undefined) throw malformed('this is no path of the decision point')
        if (!mayAsk(agent)) throw new Refusal('actor_unauthorized', 'this caller may not ask the decision point')
        const body = await readBody(request)
        const asked: AskedEvaluations =
          endpoint === 'evaluations'
            ? readQuestions(body, agent.id, maxEvaluations)
            : { inputs: [readQuestion(body, agent.id)], semantic: 'execute_all', isSingle: true }
        const answer = await answerAll(asked, { ask, environment, engine: engine.name })
        answers.set(request.raw, json(200, answer, requestIdOf(request)))
        return {}
      },
    ),
  }
}

interface Asking {
  readonly ask: AskEngine
  readonly environment: Environment
  readonly engine: string
}

async function answerAll({ inputs, semantic, isSingle }: AskedEvaluations, asking: Asking): Promise<JsonObject> {
  const answers: JsonObject[] = []
  for (const input of inputs) {
    const decision = await decide(input, asking)
    if (decision === undefined && isSingle) {
      throw new Unavailable('policy_unavailable', 'policy', 'the policy of this service cannot be asked')
    }
    const answer = decision === undefined ? UNANSWERED : writeAnswer(decision)
    if (isSingle) return answer
    answers.push(answer)
    if (isOver(semantic, decision?.allow === true)) break
  }
  return { evaluations: answers }
}

/** A question without an answer is denied, with the reason (section 7.2). */
const UNANSWERED = { decision: false, context: { error: { status: 503, message: 'the policy cannot be asked' } } }

async function decide(input: PolicyInput, { ask, environment, engine }: Asking): Promise<PolicyDecision | undefined> {
  const tell = (decision: 'allow' | 'deny' | 'unavailable'): void =>
    environment.report(METRICS.measure('policy_decisions_total', 1, { engine, decision, source: 'engine' }))
  try {
    const { decision } = await ask(input, environment)
    tell(decision.allow ? 'allow' : 'deny')
    return decision
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    tell('unavailable')
    environment.report(METRICS.measure('policy_failures_total', 1, { reason: error.reason }))
    return undefined
  }
}

async function readBody(request: AgentRequest): Promise<JsonObject> {
  const type = request.headers.only('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw malformed('the content must be application/json')
  const bytes = await request.body('proven')
  try {
    const body = parseStrictJson(bytes, BODY)
    if (isJsonObject(body)) return body
  } catch {
    // Refused below, whatever is wrong with it.
  }
  throw malformed('the content must be one object of JSON that every parser reads alike')
}

function metadataOf(url: string): JsonObject {
  return {
    policy_decision_point: url,
    access_evaluation_endpoint: `${url}/access/v1/evaluation`,
    access_evaluations_endpoint: `${url}/access/v1/evaluations`,
  }
}

function requireUrl(given: unknown): string {
  if (given === undefined) throw new Misconfigured('ERR_OPTION_MISSING', 'authzen needs url: where gateways reach it')
  if (typeof given === 'string' && URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) {
    return given.replace(/\/$/, '')
  }
  throw new Misconfigured('ERR_OPTION_INVALID', 'url must be an absolute URL such as https://api.example.com')
}

/** Section 10.1.3: the caller finds its request in our logs, and we in its. */
function requestIdOf({ headers }: AgentRequest): Readonly<Record<string, string>> {
  const id = headers.only('x-request-id')
  return id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? { 'x-request-id': id } : {}
}

function json(status: number, body: JsonObject, more: Readonly<Record<string, string>> = {}): PointAnswer {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', ...more }
  return { status, headers, body: JSON.stringify(body) }
}

function notAllowed(method: string): PointAnswer {
  return json(405, { error: `use ${method}` }, { allow: method })
}
