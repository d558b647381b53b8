import type { Decision, RefusalCode } from '@countermark/core'
import type { GuardMetrics, Outcome } from '@countermark/core/internal'
import { createUseCounts } from './count-uses.ts'
import { type AgentLabel, type RouteLabel, UNVERIFIED } from './decision-labels.ts'
import { type MetricBook, ownMetric } from './metric-book.ts'
import { AUTHENTICATION_CODES, SIGNATURE_CODES, STATUS_CLASSES } from './metric-rows.ts'
import { observe } from './series.ts'

/** What decisions are counted by. */
export interface DecisionLabels {
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
export function createDecisionCounts(book: MetricBook, labels: DecisionLabels): DecisionCounts {
  const { agentOf, route: routes } = labels
  const decisions = ownMetric(book, 'decisions_total')
  const signatures = ownMetric(book, 'signature_failures_total')
  const authentications = ownMetric(book, 'authentication_failures_total')
  const uses = createUseCounts(book, agentOf)
  const times = createTimeCounts(book, labels)
  const countEnd = createEndCounts(book)

  function count({ check, outcome, refusal }: Decision, agent: string, route: string): void {
    const code: RefusalCode | typeof NO_CODE = refusal === undefined ? NO_CODE : refusal.code
    const series = decisions.series({ check, outcome, code, route, agent })
    if (series.value === 0) {
      // From the first accepted request on, so that the first refused one is seen to be one more.
      signatures.series({ agent, route })
      signatures.series({ agent: UNVERIFIED, route })
    }
    series.value += 1
  }

  function countRefused(decision: Decision, code: RefusalCode): void {
    const agent = agentOf(decision)
    const route = routes.refused(decision.request)
    count(decision, agent, route)
    if (AUTHENTICATION.has(code)) authentications.series({ code }).value += 1
    if (SIGNATURE.has(code)) signatures.series({ agent, route }).value += 1
  }

  return {
    described: (checks) => {
      times.described(checks)
      uses.described(checks)
    },
    decided: (decision) => {
      times.observe(decision)
      const { outcome, refusal } = decision
      if (outcome === 'allow') uses.count(decision)
      else if (outcome === 'deny' && refusal !== undefined) countRefused(decision, refusal.code)
    },
    finished: (decision, outcome) => {
      if (decision.outcome !== 'deny') count(decision, agentOf(decision), routes.routed(decision.request))
      if (outcome.repeated !== true) countEnd(outcome)
    },
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
  readonly described: DecisionCounts['described']
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
