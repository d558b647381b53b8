import type { Decision } from '@countermark/core'
import type { GuardMetrics } from '@countermark/core/internal'
import type { DecisionCounting } from './count-decisions.ts'
import { observe, type Series } from './series.ts'

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
export function createUseCounts({ metric, agentOf }: Pick<DecisionCounting, 'metric' | 'agentOf'>): UseCounts {
  const durations = metric('check_duration_seconds')
  const expiry = metric('key_expiry_timestamp_seconds')
  const depth = metric('delegation_chain_depth').series([])
  const uses = metric('capability_uses_total')
  const firstUses = metric('capability_first_used_timestamp_seconds')
  const bits = new Map<string, number>()

  /** A key without an end takes the place of one that had an end. */
  function noteExpiry(agent: string, notAfter: number | undefined): void {
    const values = [agent]
    const known = expiry.known(values)
    if (notAfter !== undefined) set(known ?? expiry.series(values), notAfter)
    else if (known !== undefined) known.isSet = false
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
        durations.series([name])
        bits.set(
          name,
          adds.reduce((sum, fact) => sum | (BITS[fact] ?? 0), bits.get(name) ?? 0),
        )
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

function set(series: Series, value: number): void {
  series.value = value
  series.isSet = true
}
