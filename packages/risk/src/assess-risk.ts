import {
  type AgentRequest,
  type Check,
  defineCheck,
  type Environment,
  Misconfigured,
  type Observer,
} from '@countermark/core'
import { describeSettings, type Measurement, then } from '@countermark/core/internal'
import { assessedAs } from './assessed-as.ts'
import type { Assessment, RiskFact, Standing } from './assessment.ts'
import { createHub } from './hub.ts'
import { demandOf, isReading, refusedAt, throttled } from './levels/answer.ts'
import { createAskBook } from './levels/fallback.ts'
import { RISK_LEVELS, type RiskLevel, rankOf } from './levels/levels.ts'
import { METRICS } from './metric-rows.ts'
import { countable, NO_AMOUNT } from './observation.ts'
import { observeEnds } from './observe-ends.ts'
import { createObserver, type RiskCaller } from './observe-request.ts'
import { compileSafeRoutes } from './policy/safe-routes.ts'
import type { Review, ReviewAct } from './review/decision.ts'
import { requireReview } from './review/review.ts'
import { type AssessRiskOptions, readRiskOptions } from './risk-options.ts'
import type { LevelChange, RiskSettings } from './risk-store.ts'
import { CALM } from './sketch/sketches.ts'

declare module '@countermark/core' {
  interface Facts {
    /** How the agent behaves. */
    readonly risk: RiskFact
  }
  interface AgentView {
    /** How the agent behaves; `undefined` where no check asked. */
    readonly risk?: RiskFact | undefined
  }
}

/** What is known after. */
export interface RiskFacts {
  /** How the agent behaves. */
  readonly risk: RiskFact
}

/** The check, and what belongs to it. */
export interface RiskCheck extends Check<RiskCaller & Partial<RiskFacts>, RiskFacts> {
  /** Tells the check how requests end: for `createGuard({ observers: [risk.observer] })`. Without it refusals do not count. */
  readonly observer: Observer
  /**
   * Takes a reviewer's decision: raise, lower, freeze, clear, expect.
   * @throws Misconfigured `ERR_OPTION_INVALID` for what is none
   */
  readonly review: (agentId: string, review: Review) => Standing | Promise<Standing>
  /** Where an agent stands, and why; `undefined` for one that was never seen. */
  readonly find: (agentId: string) => Standing | undefined | Promise<Standing | undefined>
  /** Calls back at every change of level; returns what ends that. */
  readonly onChange: (listener: (change: LevelChange) => void) => () => void
  /** Calls back at every decision of a reviewer that was taken here; returns what ends that. */
  readonly onReview: (listener: (act: ReviewAct) => void) => () => void
  /** Ends connections and timers of the store. */
  readonly close: () => void | Promise<void>
}

/** What one request is assessed with. */
interface Exchange {
  readonly request: AgentRequest
  readonly caller: RiskCaller & Partial<RiskFacts>
  readonly environment: Environment
  readonly atMs: number
  readonly isReading: boolean
}

/**
 * Assesses how a proven agent behaves, and slows, limits or stops one that does what it never did. Put it behind the checks that
 * prove the agent, and once more behind `requireCapability`, where it adds what the request uses.
 * @throws {@link Refusal} `risk_throttled`, `risk_read_only`, `risk_blocked`
 * @throws {@link Unavailable} `risk_unavailable`
 * @example
 * const risk = assessRisk({ policy: { limits: { writesPerMinute: 60 }, baseline: 'observe' } })
 * const guard = createGuard({ origins, observers: [risk.observer] })
 * app.use(guard(verifySignature({ keys }), preventReplay({ store }), risk))
 */
export function assessRisk(options: AssessRiskOptions = {}): RiskCheck {
  const settings = readRiskOptions(options)
  const { store, rules, network, amount: readAmount, approval, fallback } = settings
  const hub = createHub(settings.onChange)
  const opening: RiskSettings = { rules, network, onChange: hub.changed, onSignal: hub.signalled }
  const book = store.open(opening)
  const ask = createAskBook(book, opening, fallback)
  const isSafeRoute = compileSafeRoutes(rules.safeRoutes)
  const observe = createObserver()
  const refused = new WeakSet<object>()

  function assess(exchange: Exchange, amount: number): Assessment | Promise<Assessment> {
    const { request, caller, environment, atMs } = exchange
    const told = { atMs, amount, isReading: exchange.isReading, honeyScopes: rules.honeyScopes }
    const before = { isRepeated: caller.risk !== undefined, hadTurn: hadTurn(caller) }
    return ask(observe(request, caller, { ...told, ...before }), environment)
  }

  function answer(assessment: Assessment, exchange: Exchange): RiskFacts | Promise<RiskFacts> {
    const { request, caller, environment, atMs } = exchange
    const { level, wouldBe } = assessment
    environment.report(ASSESSED[level])
    if (wouldBe !== level) environment.report(METRICS.measure('risk_would_be_total', 1, { level: wouldBe }))
    if (assessment.score === 0) environment.report(SCORE_ZERO)
    else environment.report(METRICS.measure('risk_score', assessment.score))
    const facts = assessment === CALM ? CALM_FACTS : { risk: assessment }
    const demand = demandOf(level, exchange.isReading)
    if (demand === 'nothing') return facts
    const refuse = (kind: 'throttled' | 'read_only' | 'blocked', waitSeconds = 0): never => {
      refused.add(request.raw)
      environment.report(METRICS.measure('risk_refusals_total', 1, { answer: kind }))
      throw kind === 'throttled' ? throttled(waitSeconds) : refusedAt(level)
    }
    if (demand === 'refusal' || (demand === 'approval' && approval === undefined)) {
      return refuse(level === 'block' ? 'blocked' : 'read_only')
    }
    if (demand === 'approval' && approval !== undefined)
      return then(approval(request, caller, environment), () => facts)
    // What waited for its turn in the guard before this one has had it.
    if (hadTurn(caller)) return facts
    const turn = assessment.waitSeconds ?? book.takeTurn(assessedAs(caller.agent) ?? caller.agent.id, atMs)
    return then(turn, (wait) => (wait > 0 ? refuse('throttled', wait) : facts))
  }

  const check = defineCheck<RiskCaller & Partial<RiskFacts>, RiskFacts>(
    {
      name: 'assessRisk',
      needs: ['agent'],
      adds: ['risk'],
      settings: { ...describeSettings(options, ['policy', 'fallback']), store: store.name },
      metrics: [...METRICS.rows, ...(book.metrics ?? [])],
      inspect: ({ checks, clock }) => {
        if (clock !== undefined) hub.useClock(clock)
        requireOrder(checks.map(({ adds }) => adds))
      },
    },
    (request, caller, environment) => {
      if (assessedAs(caller.agent) === undefined) return CALM_FACTS
      hub.useReport(environment.report)
      const reading = isReading(request, isSafeRoute)
      const exchange = { request, caller, environment, atMs: environment.clock.wallMs(), isReading: reading }
      if (readAmount === undefined) return then(assess(exchange, NO_AMOUNT), (found) => answer(found, exchange))
      return then(readAmount(request, caller), (amount) =>
        then(assess(exchange, countable(amount)), (found) => answer(found, exchange)),
      )
    },
  )
  return Object.assign(check, {
    observer: observeEnds(book.tell, (raw) => refused.has(raw)),
    review: (agentId: string, given: Review) => {
      const [review, atMs] = [requireReview(given), hub.nowMs()]
      return then(book.review(agentId, review, atMs), (standing) => {
        hub.reviewed({ agentId, atMs, review, level: standing.level })
        return standing
      })
    },
    find: (agentId: string) => book.find(agentId, hub.nowMs()),
    onChange: hub.listen,
    onReview: hub.listenToReviews,
    close: () => book.close?.(),
  })
}

/** Whether a request waited for its turn in a guard before this one. */
function hadTurn({ risk }: Partial<RiskFacts>): boolean {
  return risk !== undefined && rankOf(risk.level) > 0
}

const CALM_FACTS: RiskFacts = Object.freeze({ risk: CALM })
const SCORE_ZERO = METRICS.measure('risk_score', 0)

const ASSESSED = Object.fromEntries(
  RISK_LEVELS.map((level) => [level, METRICS.measure('risk_assessments_total', 1, { level })]),
) as Readonly<Record<RiskLevel, Measurement>>

/**
 * A copy of a request must not count: where one guard claims nonces and assesses, it claims first.
 * @throws Misconfigured `ERR_CHECK_ORDER`
 */
function requireOrder(adds: readonly (readonly string[])[]): void {
  const own = adds.findIndex((facts) => facts.includes('risk'))
  const fresh = adds.findIndex((facts) => facts.includes('freshness'))
  if (own < fresh)
    throw new Misconfigured('ERR_CHECK_ORDER', 'put assessRisk behind preventReplay: copies must not count')
}
