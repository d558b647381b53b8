import type { IncomingMessage } from 'node:http'
import { Refusal } from '@countermark/core'
import { RISK_LEVELS, type RiskLevel } from '../levels/levels.ts'
import type { LevelChange } from '../risk-store.ts'
import type { RiskRole, RiskServiceCaller } from './callers.ts'
import type { RiskEngine } from './engine.ts'
import type { EventIntake } from './events/event-intake.ts'
import { jsonAnswer, type ServiceAnswer } from './http.ts'
import { readJson, readQuestion, readReview, readTurn } from './read-input.ts'
import type { RiskTrail } from './server-options.ts'

/** One request to the service. */
export interface ServiceCall {
  readonly caller: RiskServiceCaller
  /** The part of the path that names an agent, decoded. */
  readonly agent: string
  readonly query: URLSearchParams
  readonly content: () => Promise<Buffer>
}

/** What can be asked. */
export interface ServiceRoute {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  /** What the caller must be allowed; `undefined`: whoever reaches the service may ask. */
  readonly role: RiskRole | undefined
  readonly handle: (call: ServiceCall) => Promise<ServiceAnswer>
}

/** What routes are made of. */
export interface RouteParts {
  readonly engine: RiskEngine
  readonly intake: EventIntake
  readonly trail: RiskTrail | undefined
  readonly maxScores: number
  readonly describeHealth: () => object
}

const MOST_LISTED = 1000

/** Makes the routes of the service. */
export function createRoutes({
  engine,
  intake,
  trail,
  maxScores,
  describeHealth,
}: RouteParts): readonly ServiceRoute[] {
  return [
    {
      ...{ method: 'POST', path: /^\/v1\/scores$/, role: 'scores' },
      handle: async ({ content }) => jsonAnswer(engine.answer(readQuestion(readJson(await content()), maxScores))),
    },
    {
      ...{ method: 'POST', path: /^\/v1\/turns$/, role: 'scores' },
      handle: async ({ content }) => {
        const agent = readTurn(readJson(await content()))
        return jsonAnswer({ waitSeconds: engine.takeTurn(agent) })
      },
    },
    {
      ...{ method: 'POST', path: /^\/v1\/events$/, role: 'events' },
      handle: async ({ content }) => {
        const lines = (await content()).toString('utf8').split('\n')
        return jsonAnswer(
          intake.take(
            lines.filter((line) => line !== ''),
            'http',
          ),
        )
      },
    },
    {
      ...{ method: 'GET', path: /^\/v1\/agents$/, role: 'read' },
      handle: async ({ query }) => jsonAnswer({ agents: engine.list(levelOf(query.get('from')), MOST_LISTED) }),
    },
    {
      ...{ method: 'GET', path: /^\/v1\/agents\/([^/]{1,768})$/, role: 'read' },
      handle: async ({ agent }) => {
        const standing = engine.find(agent)
        if (standing === undefined) throw new Refusal('not_found', 'no request of this agent was seen')
        return jsonAnswer(standing)
      },
    },
    {
      ...{ method: 'POST', path: /^\/v1\/agents\/([^/]{1,768})\/reviews$/, role: 'reviews' },
      handle: async ({ agent, caller, content }) => {
        const review = readReview(readJson(await content()), caller.name)
        // What cannot be recorded is not done.
        await trail?.event({ event: 'risk_review', details: { agent, ...review } })
        return jsonAnswer(engine.review(agent, review))
      },
    },
    {
      ...{ method: 'GET', path: /^\/healthz$/, role: undefined },
      handle: async () => jsonAnswer(describeHealth()),
    },
  ]
}

/** What a change is recorded as. */
export function changeDetails({
  agentId,
  from,
  to,
  score,
  reasons,
  by,
  why,
}: LevelChange): Readonly<Record<string, unknown>> {
  return { agent: agentId, from, to, score, reasons, by, ...(why === undefined ? {} : { why }) }
}

/** A route and what its path names. */
export interface FoundRoute {
  readonly route: ServiceRoute
  readonly agent: string
  readonly query: URLSearchParams
}

/**
 * Finds what a request asks for.
 * @throws Refusal `not_found`, `method_not_allowed`
 */
export function findRoute(routes: readonly ServiceRoute[], { method = '', url = '/' }: IncomingMessage): FoundRoute {
  const start = url.indexOf('?')
  const path = start < 0 ? url : url.slice(0, start)
  const alike = routes.filter((route) => route.path.test(path))
  if (alike.length === 0) throw new Refusal('not_found', 'no resource has this path')
  const route = alike.find((one) => one.method === (method === 'HEAD' ? 'GET' : method))
  if (route === undefined) {
    throw new Refusal('method_not_allowed', `this resource has ${alike.map((one) => one.method).join(', ')}`)
  }
  const agent = decode(route.path.exec(path)?.[1] ?? '')
  return { route, agent, query: new URLSearchParams(start < 0 ? '' : url.slice(start + 1)) }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new Refusal('not_found', 'no agent is written like this')
  }
}

function levelOf(given: string | null): RiskLevel {
  const level = RISK_LEVELS.find((known) => known === (given ?? 'throttle'))
  if (level === undefined) throw new Refusal('input_invalid', `from must be one of ${RISK_LEVELS.join(', ')}`)
  return level
}
