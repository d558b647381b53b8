import type { Decision, GuardMetrics, Outcome, RefusalCode } from '@countermark/core'
import { type AgentLabel, UNVERIFIED } from './agent-label.ts'
import type { Metric } from './metric.ts'
import { AUTHENTICATION_CODES, SIGNATURE_CODES } from './metric-rows.ts'
import type { RouteLabel } from './route-label.ts'
import { type Exemplar, observe, type Series } from './series.ts'

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
export function createDecisionCounts({ metric, agentOf, route, exemplar }: DecisionCounting): DecisionCounts {
  const decisions = metric('decisions_total')
  const signatures = metric('signature_failures_total')
  const authentications = metric('authentication_failures_total')
  const durations = { check: metric('check_duration_seconds'), guard: metric('guard_duration_seconds') }
  const byCheck = new Map<string, Series>()
  const statuses = metric('requests_total')
  const aborted = metric('requests_aborted_total').series([])
  const uses = createUseCounts({ metric, agentOf })

  function count({ check, outcome, refusal }: Decision, agent: string, at: string): void {
    const code: RefusalCode | typeof NO_CODE = refusal?.code ?? NO_CODE
    const series = decisions.series([check, outcome, code, at, agent])
    if (series.value === 0) startAtZero(agent, at)
    series.value += 1
  }

  /** Checks are named by the program; a series that stands for several is found anew. */
  function durationOf(check: string): Series {
    const known = byCheck.get(check)
    if (known !== undefined) return known
    const series = durations.check.series([check])
    if (series.labels['check'] === check) byCheck.set(check, series)
    return series
  }

  function observeTimes({ timings, outcome, atMs }: Decision): void {
    const labels = exemplar()
    const withTrace = (value: number): Exemplar => ({ labels: labels ?? {}, value, timestamp: atMs / 1000 })
    let seconds = 0
    for (const { check, durationMs } of timings) {
      const taken = durationMs / 1000
      seconds += taken
      observe(durationOf(check), taken, labels && withTrace(taken))
    }
    observe(durations.guard.series([outcome]), seconds, labels && withTrace(seconds))
  }

  /** From the first accepted request on, so that the first refused one is seen to be one more. */
  function startAtZero(agent: string, at: string): void {
    signatures.series([agent, at])
    signatures.series([UNVERIFIED, at])
  }

  return {
    described: (checks) => {
      for (const { name } of checks) durations.check.series([name])
      uses.described(checks)
    },
    decided: (decision) => {
      observeTimes(decision)
      const { outcome, refusal } = decision
      if (outcome === 'allow') return uses.count(decision)
      if (outcome === 'observe' || refusal === undefined) return
      const [agent, at] = [agentOf(decision), route.refused(decision.request)]
      count(decision, agent, at)
      if (AUTHENTICATION.has(refusal.code)) authentications.series([refusal.code]).value += 1
      if (SIGNATURE.has(refusal.code)) signatures.series([agent, at]).value += 1
    },
    finished: (decision, outcome) => {
      if (decision.outcome !== 'deny') {
        const [agent, at] = [agentOf(decision), route.routed(decision.request)]
        count(decision, agent, at)
      }
      if (outcome.repeated === true) return
      statuses.series([`${Math.floor(outcome.status / 100)}xx`]).value += 1
      if (outcome.aborted) aborted.value += 1
    },
  }
}

interface UseCounts {
  readonly described: (checks: GuardMetrics['checks']) => void
  readonly count: (decision: Decision) => void
}

/** What allowed requests used. A later guard sees the facts of earlier ones: what it did not establish is counted already. */
function createUseCounts({ metric, agentOf }: Pick<DecisionCounting, 'metric' | 'agentOf'>): UseCounts {
  const expiry = metric('key_expiry_timestamp_seconds')
  const depth = metric('delegation_chain_depth').series([])
  const uses = metric('capability_uses_total')
  const firstUses = metric('capability_first_used_timestamp_seconds')
  const adders = { proof: new Set<string>(), delegation: new Set<string>(), capability: new Set<string>() }

  /** A key without an end takes the place of one that had an end. */
  function noteExpiry(agent: string, notAfter: number | undefined): void {
    if (notAfter !== undefined) set(expiry.series([agent]), notAfter)
    else if (expiry.has([agent])) expiry.series([agent]).isSet = false
  }

  function countCapability(agent: string, capability: string, atMs: number): void {
    const values = [agent, capability]
    uses.series(values).value += 1
    const first = firstUses.series(values)
    if (!first.isSet) set(first, atMs / 1000)
  }

  return {
    described: (checks) => {
      for (const { name, adds } of checks) {
        for (const [fact, names] of Object.entries(adders)) if (adds.includes(fact)) names.add(name)
      }
    },
    count: (decision) => {
      const { timings, facts, atMs } = decision
      const { proof, delegation, capability } = facts
      const adds = (names: ReadonlySet<string>): boolean => timings.some(({ check }) => names.has(check))
      if (proof !== undefined && adds(adders.proof)) noteExpiry(agentOf(decision), proof.keyNotAfter)
      if (delegation !== undefined && adds(adders.delegation)) observe(depth, 1 + delegation.priorActors.length)
      if (capability?.declared === undefined || !adds(adders.capability)) return
      for (const declared of capability.declared) countCapability(agentOf(decision), declared, atMs)
    },
  }
}

function set(series: Series, value: number): void {
  series.value = value
  series.isSet = true
}
