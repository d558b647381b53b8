import type { Decision } from '@countermark/core'
import type { GuardMetrics } from '@countermark/core/internal'
import type { AgentLabel } from './decision-labels.ts'
import { type MetricBook, ownMetric } from './metric-book.ts'
import { observe, set } from './series.ts'

/** Counts what allowed requests used. */
export interface UseCounts {
  readonly described: (checks: GuardMetrics['checks']) => void
  /** The facts that a check adds, as bits. */
  readonly addedBy: (check: string) => number
  readonly count: (decision: Decision, used: number) => void
}

const PROOF = 1
const DELEGATION = 2
const CAPABILITY = 4
const BITS: Readonly<Record<string, number>> = { proof: PROOF, delegation: DELEGATION, capability: CAPABILITY }

/** A later guard sees the facts of earlier ones: what its own checks did not add is counted already. */
export function createUseCounts(book: MetricBook, agentOf: AgentLabel): UseCounts {
  const expiry = ownMetric(book, 'key_expiry_timestamp_seconds')
  const depth = ownMetric(book, 'delegation_chain_depth').series({})
  const uses = ownMetric(book, 'capability_uses_total')
  const firstUses = ownMetric(book, 'capability_first_used_timestamp_seconds')
  const bits = new Map<string, number>()

  /** A key without an end takes the place of one that had an end. */
  function noteExpiry(agent: string, notAfter: number | undefined): void {
    const known = expiry.known({ agent })
    if (notAfter !== undefined) set(known ?? expiry.series({ agent }), notAfter)
    else if (known !== undefined) known.isSet = false
  }

  function countCapability(agent: string, capability: string, atMs: number): void {
    uses.series({ agent, capability }).value += 1
    const first = firstUses.series({ agent, capability })
    if (!first.isSet) set(first, atMs / 1000)
  }

  return {
    described: (checks) => {
      for (const { name, adds } of checks) {
        const added = adds.reduce((sum, fact) => sum | (BITS[fact] ?? 0), bits.get(name) ?? 0)
        bits.set(name, added)
      }
    },
    addedBy: (check) => bits.get(check) ?? 0,
    count: (decision, used) => {
      if (used === 0) return
      const { facts, atMs } = decision
      const agent = agentOf(decision)
      if ((used & PROOF) !== 0 && facts.proof !== undefined) noteExpiry(agent, facts.proof.keyNotAfter)
      if ((used & DELEGATION) !== 0 && facts.delegation !== undefined) {
        observe(depth, 1 + facts.delegation.priorActors.length)
      }
      const declared = (used & CAPABILITY) === 0 ? undefined : facts.capability?.declared
      if (declared === undefined) return
      for (const capability of declared) countCapability(agent, capability, atMs)
    },
  }
}
