import type { Decision, Outcome, RefusalCode } from '@countermark/core'
import type { GuardMetrics } from '@countermark/core/internal'
import { type AgentLabel, UNVERIFIED } from './agent-label.ts'
import { createUseCounts, type UseCounts } from './count-uses.ts'
import type { Metric } from './metric.ts'
import { AUTHENTICATION_CODES, SIGNATURE_CODES, STATUS_CLASSES } from './metric-rows.ts'
import type { RouteLabel } from './route-label.ts'
import { observe, type Series } from './series.ts'

/** What decisions are counted with. */
export interface DecisionCounting {
  /** By name without prefix; all rows of this package are there. */
  readonly metric: (name: string) => Metric
  readonly agentOf: AgentLabel
  readonly route: RouteLabel
  /** Labels of exemplars, such as a trace id; `undefined` when there is none. */
  readonly exemplar: () => Readonly<Record<string, string>> | undefined
}

/** Counts what guards decide, and what became of it. */
export interface DecisionCounts {
  readonly decided: (decision: Decision) => void
  readonly finished: (decision: Decision, outcome: Outcome) => void
  readonly described: (checks: GuardMetrics['checks']) => void
}

const AUTHENTICATION: ReadonlySet<string> = new Set(AUTHENTICATION_CODES)
const SIGNATURE: ReadonlySet<string> = new Set(SIGNATURE_CODES)
const NO_CODE = 'none'

/** Prepares counting. Series are found once and kept wherever their labels do not depend on the request. */
export function createDecisionCounts(counting: DecisionCounting): DecisionCounts {
  const { metric, agentOf, route } = counting
  const decisions = metric('decisions_total')
  const signatures = metric('signature_failures_total')
  const authentications = metric('authentication_failures_total')
  const statuses = metric('requests_total')
  const byClass = STATUS_CLASSES.map((name) => statuses.series([name]))
  const aborted = metric('requests_aborted_total').series([])
  const uses = createUseCounts(counting)
  const observeTimes = createTimeCounts(counting, uses)

  function count({ check, outcome, refusal }: Decision, agent: string, at: string): void {
    const code: RefusalCode | typeof NO_CODE = refusal === undefined ? NO_CODE : refusal.code
    const series = decisions.series([check, outcome, code, at, agent])
    if (series.value === 0) startAtZero(agent, at)
    series.value += 1
  }

  /** From the first accepted request on, so that the first refused one is seen to be one more. */
  function startAtZero(agent: string, at: string): void {
    signatures.series([agent, at])
    signatures.series([UNVERIFIED, at])
  }

  function countRefused(decision: Decision, code: RefusalCode): void {
    const [agent, at] = [agentOf(decision), route.refused(decision.request)]
    count(decision, agent, at)
    if (AUTHENTICATION.has(code)) authentications.series([code]).value += 1
    if (SIGNATURE.has(code)) signatures.series([agent, at]).value += 1
  }

  return {
    described: uses.described,
    decided: (decision) => {
      const used = observeTimes(decision)
      const { outcome, refusal } = decision
      if (outcome === 'allow') uses.count(decision, used)
      else if (outcome === 'deny' && refusal !== undefined) countRefused(decision, refusal.code)
    },
    finished: (decision, outcome) => {
      if (decision.outcome !== 'deny') count(decision, agentOf(decision), route.routed(decision.request))
      if (outcome.repeated === true) return
      const hundreds = Math.floor(outcome.status / 100)
      const series = byClass[hundreds - 1] ?? statuses.series([`${hundreds}xx`])
      series.value += 1
      if (outcome.aborted) aborted.value += 1
    },
  }
}

/** Observes how long each check took, and gives the facts that they added together. */
function createTimeCounts({ metric, exemplar }: DecisionCounting, uses: UseCounts): (decision: Decision) => number {
  const durations = metric('check_duration_seconds')
  const whole = metric('guard_duration_seconds')
  const byOutcome: Readonly<Record<Decision['outcome'], Series>> = {
    allow: whole.series(['allow']),
    deny: whole.series(['deny']),
    observe: whole.series(['observe']),
  }
  return ({ timings, outcome, atMs }) => {
    const labels = exemplar()
    const timestamp = atMs / 1000
    let seconds = 0
    let used = 0
    // By index: an iterator for each request is more than the loop costs.
    for (let index = 0; index < timings.length; index++) {
      const timing = timings[index]
      if (timing === undefined) continue
      const value = timing.durationMs / 1000
      seconds += value
      used |= uses.addedBy(timing.check)
      observe(durations.series([timing.check]), value, labels && { labels, value, timestamp })
    }
    observe(byOutcome[outcome], seconds, labels && { labels, value: seconds, timestamp })
    return used
  }
}
