import type { Decision, RefusalCode } from '@countermark/core'
import type { GuardMetrics, Outcome } from '@countermark/core/internal'
import { createUseCounts, type UseCounts } from './count-uses.ts'
import { type AgentLabel, type RouteLabel, UNVERIFIED } from './decision-labels.ts'
import { type MetricBook, type OwnMetric, ownMetric } from './metric-book.ts'
import { AUTHENTICATION_CODES, type OwnLabels, SIGNATURE_CODES, STATUS_CLASSES } from './metric-rows.ts'
import { observe } from './series.ts'

/** What decisions are counted by. */
export interface DecisionLabels {
  readonly agentOf: AgentLabel
  readonly route: RouteLabel
  /** Labels of exemplars, such as a trace id; `undefined` when there is none. */
  readonly exemplar: () => Readonly<Record<string, string>> | undefined
}

const AUTHENTICATION: ReadonlySet<string> = new Set(AUTHENTICATION_CODES)
const SIGNATURE: ReadonlySet<string> = new Set(SIGNATURE_CODES)
const NO_CODE = 'none'

/**
 * Counts what guards decide, and what became of it. Series are found once and kept wherever their labels do not depend on the
 * request.
 */
export class DecisionCounts {
  private readonly labels: DecisionLabels
  private readonly decisions: OwnMetric<OwnLabels['decisions_total']>
  private readonly signatures: OwnMetric<OwnLabels['signature_failures_total']>
  private readonly authentications: OwnMetric<OwnLabels['authentication_failures_total']>
  private readonly uses: UseCounts
  private readonly times: TimeCounts
  private readonly countEnd: (outcome: Outcome) => void

  constructor(book: MetricBook, labels: DecisionLabels) {
    this.labels = labels
    this.decisions = ownMetric(book, 'decisions_total')
    this.signatures = ownMetric(book, 'signature_failures_total')
    this.authentications = ownMetric(book, 'authentication_failures_total')
    this.uses = createUseCounts(book, labels.agentOf)
    this.times = createTimeCounts(book, labels)
    this.countEnd = createEndCounts(book)
  }

  described(checks: GuardMetrics['checks']): void {
    this.times.described(checks)
    this.uses.described(checks)
  }

  decided(decision: Decision): void {
    this.times.observe(decision)
    const { outcome, refusal } = decision
    if (outcome === 'allow') this.uses.count(decision)
    else if (outcome === 'deny' && refusal !== undefined) this.countRefused(decision, refusal.code)
  }

  finished(decision: Decision, outcome: Outcome): void {
    const { agentOf, route } = this.labels
    if (decision.outcome !== 'deny') this.count(decision, agentOf(decision), route.routed(decision.request))
    if (outcome.repeated !== true) this.countEnd(outcome)
  }

  private countRefused(decision: Decision, code: RefusalCode): void {
    const agent = this.labels.agentOf(decision)
    const route = this.labels.route.refused(decision.request)
    this.count(decision, agent, route)
    if (AUTHENTICATION.has(code)) this.authentications.series({ code }).value += 1
    if (SIGNATURE.has(code)) this.signatures.series({ agent, route }).value += 1
  }

  private count({ check, outcome, refusal }: Decision, agent: string, route: string): void {
    const code: RefusalCode | typeof NO_CODE = refusal === undefined ? NO_CODE : refusal.code
    const series = this.decisions.series({ check, outcome, code, route, agent })
    if (series.value === 0) {
      // From the first accepted request on, so that the first refused one is seen to be one more.
      this.signatures.series({ agent, route })
      this.signatures.series({ agent: UNVERIFIED, route })
    }
    series.value += 1
  }
}

function createEndCounts(book: MetricBook): (outcome: Outcome) => void {
  const requests = ownMetric(book, 'requests_total')
  const byClass = STATUS_CLASSES.map((status) => requests.series({ status }))
  const aborted = ownMetric(book, 'requests_aborted_total').series({})
  return (outcome) => {
    const hundreds = Math.floor(outcome.status / 100)
    const series = byClass[hundreds - 1] ?? requests.series({ status: `${hundreds}xx` })
    series.value += 1
    if (outcome.aborted) aborted.value += 1
  }
}

interface TimeCounts {
  readonly described: (checks: GuardMetrics['checks']) => void
  readonly observe: (decision: Decision) => void
}

function createTimeCounts(book: MetricBook, { exemplar }: DecisionLabels): TimeCounts {
  const durations = ownMetric(book, 'check_duration_seconds')
  const whole = ownMetric(book, 'guard_duration_seconds')
  const byOutcome = {
    allow: whole.series({ outcome: 'allow' }),
    deny: whole.series({ outcome: 'deny' }),
    observe: whole.series({ outcome: 'observe' }),
  }
  return {
    described: (checks) => {
      for (const { name } of checks) durations.series({ check: name })
    },
    observe: ({ timings, outcome, atMs }) => {
      const labelSet = exemplar()
      const timestamp = atMs / 1000
      let seconds = 0
      // By index: an iterator for each request is more than the loop costs.
      for (let index = 0; index < timings.length; index++) {
        const timing = timings[index]
        if (timing === undefined) continue
        const value = timing.durationMs / 1000
        seconds += value
        observe(durations.series({ check: timing.check }), value, labelSet && { labelSet, value, timestamp })
      }
      observe(byOutcome[outcome], seconds, labelSet && { labelSet, value: seconds, timestamp })
    },
  }
}
