import { Misconfigured, Unavailable } from '@countermark/core'
import {
  createRecent,
  degradedRow,
  flag,
  type JsonObject,
  number,
  optionTable,
  text,
  undescribed,
  withDeadline,
  word,
} from '@countermark/core/internal'
import type { Standing } from '../assessment.ts'
import type { Review } from '../review/decision.ts'
import type { RiskBook, RiskSettings, RiskStore } from '../risk-store.ts'
import { type Connection, createConnection, ServiceRefusal } from './connection.ts'
import { createQuestions } from './questions.ts'
import { QUESTION_METRICS } from './service-metrics.ts'
import { isStanding } from './wire.ts'

/** Options of {@link riskService}. */
export interface RiskServiceOptions {
  /** Where the service is: `https://risk.internal:7070`. */
  readonly url: string
  /** A token with the role `scores`; for `review` and `find` of the check also `reviews` and `read`. At least 16 characters. */
  readonly token: string
  /** How long one question may take. Milliseconds. @default 50 */
  readonly deadlineMs?: number
  /**
   * How the service hears of requests: `'requests'`: each question tells of its request; `'events'`: it reads the event stream of
   * the guards, and questions only ask. Both together would count requests twice. @default 'requests'
   */
  readonly hears?: 'requests' | 'events'
  /** Ask over `http:` too, as on the loopback interface. @default false */
  readonly allowHttp?: boolean
  /** Certificate authorities that are trusted instead of the public ones, PEM. @default the public ones */
  readonly ca?: string
}

const SHORTEST_TOKEN = 16
const OPTIONS = optionTable('riskService', {
  url: text(),
  token: undescribed(text()),
  deadlineMs: number({ min: 1, max: 10_000, default: 50 }),
  hears: word(['requests', 'events'], 'requests'),
  allowHttp: flag(false),
  ca: undescribed(text()),
})

/** A reviewer waits longer than a request does. */
const REVIEW_DEADLINE_MS = 5000
const TURN_MS = 1000
const TURNS = { maxEntries: 20_000, maxCharacters: 2_000_000 }

/**
 * Behaviour as a service of its own remembers it, for all processes together: `npx countermark risk`. While it does not answer
 * within the deadline, the check's `fallback` holds.
 * @throws Misconfigured
 * @example assessRisk({ store: riskService({ url: 'https://risk.internal:7070', token }), fallback: 'local' })
 */
export function riskService(options: RiskServiceOptions): RiskStore {
  const { deadlineMs, hears, ca, ...given } = OPTIONS.read(options)
  const url = readUrl(given.url, given.allowHttp)
  const token = readToken(given.token)
  return {
    name: 'service',
    open: (settings) => openBook(createConnection({ url, token, ca }), { deadlineMs, hears }, settings),
  }
}

function openBook(
  connection: Connection,
  { deadlineMs, hears }: { readonly deadlineMs: number; readonly hears: 'requests' | 'events' },
  { onChange }: RiskSettings,
): RiskBook {
  const questions = createQuestions({ connection, deadlineMs, onChanges: (changes) => changes.forEach(onChange) })
  const turns = createRecent<{ nextMs: number }>(TURNS)
  const ask = (method: 'GET' | 'POST', path: string, body?: object): Promise<JsonObject> =>
    withDeadline(connection.ask(method, path, AbortSignal.timeout(REVIEW_DEADLINE_MS), body), REVIEW_DEADLINE_MS)
  return {
    assess: ({ atMs: _, ...request }, environment) =>
      questions.assess(hears === 'requests' ? request : request.agentId, environment),
    tell: ({ atMs: _, ...ended }) => {
      if (hears === 'requests') questions.tell(ended)
    },
    takeTurn: async (agentId, atMs) => {
      try {
        const signal = AbortSignal.timeout(deadlineMs)
        const { waitSeconds } = await withDeadline(
          connection.ask('POST', '/v1/turns', signal, { agent: agentId }),
          deadlineMs,
        )
        return typeof waitSeconds === 'number' && waitSeconds >= 0 ? waitSeconds : ownTurn(turns, agentId, atMs)
      } catch {
        // The agent is slowed down all the same, by this process alone.
        return ownTurn(turns, agentId, atMs)
      }
    },
    review: async (agentId, review) =>
      readStanding(await ask('POST', `${pathOf(agentId)}/reviews`, bodyOf(review)).catch(unavailable)),
    find: async (agentId) => {
      const found = await ask('GET', pathOf(agentId)).catch((error: unknown) => {
        if (error instanceof ServiceRefusal && error.problem['code'] === 'not_found') return undefined
        return unavailable(error)
      })
      return found === undefined ? undefined : readStanding(found)
    },
    metrics: [...QUESTION_METRICS.rows, degradedRow(['risk'])],
    close: connection.close,
  }
}

function ownTurn(turns: ReturnType<typeof createRecent<{ nextMs: number }>>, agentId: string, atMs: number): number {
  const { nextMs } = turns.find(agentId) ?? { nextMs: 0 }
  // A clock that was set back must not stop an agent for longer than a turn.
  if (nextMs > atMs && nextMs - atMs <= TURN_MS) return (nextMs - atMs) / 1000
  turns.keep(agentId, { nextMs: atMs + TURN_MS })
  return 0
}

function pathOf(agentId: string): string {
  return `/v1/agents/${encodeURIComponent(agentId)}`
}

function bodyOf(review: Review): object {
  return review
}

/** @throws Unavailable `risk_unavailable`, with what the service said as its cause */
function unavailable(cause: unknown): never {
  throw new Unavailable('risk_unavailable', 'risk', 'the risk service did not do what it was asked for', { cause })
}

function readStanding(value: JsonObject): Standing {
  if (isStanding(value)) return value
  return unavailable(new TypeError('the service answers with what is no standing'))
}

function readUrl(given: unknown, allowHttp: boolean): URL {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined
  const isPlain = url?.username === '' && url.search === '' && url.hash === ''
  if (isPlain && (url?.protocol === 'https:' || (allowHttp && url?.protocol === 'http:'))) return url
  throw new Misconfigured('ERR_OPTION_INVALID', 'riskService.url must be an https address, or say allowHttp: true')
}

function readToken(given: string | undefined): string {
  if (given !== undefined && given.length >= SHORTEST_TOKEN) return given
  throw new Misconfigured('ERR_OPTION_INVALID', `riskService.token must have at least ${SHORTEST_TOKEN} characters`)
}
