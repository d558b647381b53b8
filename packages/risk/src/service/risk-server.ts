import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Environment, isRefusal, type MetricRow } from '@countermark/core'
import { degradedRow } from '@countermark/core/internal'
import type { Standing } from '../assessment.ts'
import { RISK_LEVELS } from '../levels/levels.ts'
import { METRICS, STORE_METRICS } from '../metric-rows.ts'
import type { Review } from '../review/decision.ts'
import { requireReview } from '../review/review.ts'
import { requireCaller } from './callers.ts'
import { createEngine, type RiskEngine } from './engine.ts'
import { createEventIntake } from './events/event-intake.ts'
import { followSources } from './events/follow-sources.ts'
import { problemAnswer, readContent, type ServiceAnswer, writeAnswer } from './http.ts'
import { createKeeper } from './keep-snapshot.ts'
import { changeDetails, createRoutes, findRoute, type ServiceRoute } from './routes.ts'
import { type RiskServerOptions, type RiskServerSettings, readServerOptions } from './server-options.ts'
import { SERVICE_METRICS } from './service-metrics.ts'

/** Behaviour as a service of its own. */
export interface RiskServer {
  /** A listener for node:http, and for Express below a path. */
  readonly handle: (message: IncomingMessage, response: ServerResponse) => Promise<void>
  /** Takes the snapshot up and begins to read sources. Call it before the first request. */
  readonly ready: () => Promise<void>
  /** A reviewer's decision, as over HTTP. @throws Misconfigured `ERR_OPTION_INVALID` */
  readonly review: (agentId: string, review: Review) => Promise<Standing>
  /** Where an agent stands; `undefined` for one that was never seen. */
  readonly find: (agentId: string) => Standing | undefined
  /** Ends reading, and keeps levels and baselines. */
  readonly close: () => Promise<void>
}

/**
 * Creates the service: it hears of requests by questions of checks (`riskService`) or by events, keeps the level of each agent,
 * and answers scores.
 * @throws Misconfigured
 * @example
 * const risk = createRiskServer({ tokens: [{ name: 'orders', token, may: ['scores'] }], snapshot: 'levels.ndjson' })
 * await risk.ready()
 * createServer(risk.handle).listen(7070)
 */
export function createRiskServer(options: RiskServerOptions): RiskServer {
  const settings = readServerOptions(options)
  const { rules, trail, sources, delay, maxScores } = settings
  const report: Environment['report'] = (measurement) => {
    for (const { measured } of settings.observers) measured?.(measurement)
  }
  const engine = createEngine({
    ...engineSettings(settings, report),
    maxAgents: settings.maxAgents,
    clock: settings.clock,
  })
  for (const observer of settings.observers) observer.described?.({ checks: [], rows: rowsOf(engine) })
  const intake = createEventIntake(engine, rules, report)
  const following = followSources({ sources, delay, take: intake.take, report })
  const keeper = createKeeper({ ...settings, engine, intake, report })
  const describeHealth = (): object => ({
    status: following.failing().length === 0 ? 'ok' : 'degraded',
    agents: engine.assessor.size(),
    failing: following.failing(),
  })
  const routes = createRoutes({ engine, intake, trail, maxScores, describeHealth })
  return {
    handle: createListener(routes, settings, report),
    ready: async () => {
      await keeper.restore()
      following.start()
      keeper.start()
    },
    review: async (agentId, review) => {
      const decided = requireReview(review)
      await trail?.event({ event: 'risk_review', details: { agent: agentId, ...decided } })
      return engine.review(agentId, decided)
    },
    find: engine.find,
    close: async () => {
      await following.close()
      await keeper.close()
    },
  }
}

function engineSettings({ rules, network, onChange, trail }: RiskServerSettings, report: Environment['report']) {
  return {
    ...{ rules, network },
    onSignal: (signal: Parameters<typeof METRICS.measure<'risk_signals_total'>>[2]['signal']) =>
      report(METRICS.measure('risk_signals_total', 1, { signal })),
    onChange: (change: Parameters<typeof onChange>[0]) => {
      const { from, to, by } = change
      report(METRICS.measure('risk_level_changes_total', 1, { from, to, by: by === 'signals' ? by : 'reviewer' }))
      onChange(change)
      trail?.event({ event: 'risk_level_changed', details: changeDetails(change) }).catch(warn)
    },
  }
}

function rowsOf({ assessor }: RiskEngine): readonly MetricRow[] {
  const levels = RISK_LEVELS.flatMap((level, rank) =>
    STORE_METRICS.rowsOf({ level }, { risk_agents: () => assessor.countRanks()[rank] ?? 0 }),
  )
  const own = [METRICS.row('risk_signals_total'), METRICS.row('risk_level_changes_total')]
  return [...own, ...SERVICE_METRICS.rows, ...levels, degradedRow(['risk-events'])]
}

function createListener(
  routes: readonly ServiceRoute[],
  { findCaller, maxBodyBytes, clock }: RiskServerSettings,
  report: Environment['report'],
): RiskServer['handle'] {
  const answerTo = async (message: IncomingMessage): Promise<ServiceAnswer> => {
    const { route, agent, query } = findRoute(routes, message)
    const caller =
      route.role === undefined ? { name: '', may: [] } : await requireCaller(findCaller, message, route.role)
    return route.handle({ caller, agent, query, content: () => readContent(message, maxBodyBytes) })
  }
  return async (message, response) => {
    const startedMs = clock.monotonicMs()
    let result: 'answered' | 'refused' | 'failed' = 'answered'
    const answer = await answerTo(message).catch((error: unknown) => {
      result = isRefusal(error) ? 'refused' : 'failed'
      return problemAnswer(error, warn)
    })
    report(SERVICE_METRICS.measure('risk_service_answers_total', 1, { result }))
    if (message.url === '/v1/scores') {
      report(SERVICE_METRICS.measure('risk_service_duration_seconds', (clock.monotonicMs() - startedMs) / 1000))
    }
    writeAnswer(answer, message, response)
  }
}

function warn(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(text, { type: 'CountermarkWarning', code: 'risk_service_failed' })
}
