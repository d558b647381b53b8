import { number, optionTable } from '@countermark/core/internal'
import { RISK_LEVELS } from '../levels/levels.ts'
import { STORE_METRICS } from '../metric-rows.ts'
import type { RiskStore } from '../risk-store.ts'
import { createAssessor } from './assessor.ts'

/** Options of {@link memoryRisk}. */
export interface MemoryRiskOptions {
  /** Agents that are remembered, 2 KB each; then the one not seen for longest goes first. @default 100_000 */
  readonly maxAgents?: number
}

const OPTIONS = optionTable('memoryRisk', { maxAgents: number({ min: 1, max: 10_000_000, default: 100_000 }) })

/**
 * Keeps behaviour in this process. Other processes see only the requests that come to them.
 * @throws Misconfigured
 * @example assessRisk({ store: memoryRisk() })
 */
export function memoryRisk(options: MemoryRiskOptions = {}): RiskStore {
  const { maxAgents } = OPTIONS.read(options)
  return {
    name: 'memory',
    open: (settings) => {
      const assessor = createAssessor({ ...settings, maxAgents })
      const metrics = RISK_LEVELS.flatMap((level, rank) =>
        STORE_METRICS.rowsOf({ level }, { risk_agents: () => assessor.countRanks()[rank] ?? 0 }),
      )
      return { ...assessor, metrics }
    },
  }
}
