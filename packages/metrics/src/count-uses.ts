import type { Decision } from '@countermark/core'
import type { GuardMetrics } from '@countermark/core/internal'
import type { AgentLabel } from './decision-labels.ts'
import { type MetricBook, ownMetric } from './metric-book.ts'
import { observe, set } from './series.ts'

/** Counts what allowed requests used. */
export interface UseCounts {
  readonly described: (checks: GuardMetrics['checks']) => void
  readonly count: (decision: Decision) => void
}

type CountUse = (decision: Decision) => void

/** A later guard sees the facts of earlier ones: what its own checks did not add is counted already. */
export function createUseCounts(book: MetricBook, agentOf: AgentLabel): UseCounts {
  const byFact: Readonly<Record<string, CountUse>> = {
    proof: createExpiryCounts(book, agentOf),
    delegation: createDepthCounts(book),
    capability: createCapabilityCounts(book, agentOf),
  }
  const byCheck = new Map<string, readonly CountUse[]>()
  return {
    described: (checks) => {
      for (const { name, adds } of checks) {
        const counts = adds.map((fact) => byFact[fact]).filter((count) => count !== undefined)
        byCheck.set(name, [...new Set([...(byCheck.get(name) ?? []), ...counts])])
      }
    },
    count: (decision) => {
      const { timings } = decision
      // By index: an iterator for each request is more than the loop costs.
      for (let index = 0; index < timings.length; index++) {
        const counts = byCheck.get(timings[index]?.check ?? '') ?? NONE
        for (let each = 0; each < counts.length; each++) counts[each]?.(decision)
      }
    },
  }
}

const NONE: readonly CountUse[] = []

/** A key without an end takes the place of one that had an end. */
function createExpiryCounts(book: MetricBook, agentOf: AgentLabel): CountUse {
  const expiry = ownMetric(book, 'key_expiry_timestamp_seconds')
  return (decision) => {
    const { proof } = decision.facts
    if (proof === undefined) return
    const labels = { agent: agentOf(decision) }
    if (proof.keyNotAfter !== undefined) return set(expiry.series(labels), proof.keyNotAfter)
    const known = expiry.known(labels)
    if (known !== undefined) known.isSet = false
  }
}

function createDepthCounts(book: MetricBook): CountUse {
  const depth = ownMetric(book, 'delegation_chain_depth').series({})
  return ({ facts: { delegation } }) => {
    if (delegation !== undefined) observe(depth, 1 + delegation.priorActors.length)
  }
}

function createCapabilityCounts(book: MetricBook, agentOf: AgentLabel): CountUse {
  const uses = ownMetric(book, 'capability_uses_total')
  const firstUses = ownMetric(book, 'capability_first_used_timestamp_seconds')
  return (decision) => {
    const declared = decision.facts.capability?.declared
    if (declared === undefined) return
    const agent = agentOf(decision)
    for (const capability of declared) {
      uses.series({ agent, capability }).value += 1
      const first = firstUses.series({ agent, capability })
      if (!first.isSet) set(first, decision.atMs / 1000)
    }
  }
}
