import type { AgentRequest, Check } from '@countermark/core'
import { callback, custom, methods, optionTable, word } from '@countermark/core/internal'
import { memoryRisk } from './memory/memory-risk.ts'
import type { RiskCaller } from './observe-request.ts'
import { type RiskPolicy, type RiskRules, readPolicy } from './policy/policy.ts'
import type { LevelChange, RiskStore } from './risk-store.ts'
import type { FindNetwork } from './signals/network-place.ts'

/** Reads what a request is about, in money or any other unit; `undefined` without one, as is what is no number above 0. */
export type ReadAmount = (request: AgentRequest, caller: RiskCaller) => number | undefined | Promise<number | undefined>

/** Options of {@link assessRisk}. */
export interface AssessRiskOptions {
  /** Where behaviour is remembered. @default `memoryRisk()`, for one process */
  readonly store?: RiskStore
  /** How it is judged. @default limits and proofs count, the learned baseline is only reported */
  readonly policy?: RiskPolicy
  /** Where an address belongs: ASN and country. @default only its prefix counts */
  readonly network?: FindNetwork
  /** Reads amounts. @default there are none */
  readonly amount?: ReadAmount
  /** A check of yours that asks for a person's consent at level `approval`. @default refused as at `read-only` */
  readonly approval?: Check<RiskCaller, object>
  /** What holds while the store cannot answer: what this process sees and was told before, nothing, or reading only. @default 'local' */
  readonly fallback?: 'local' | 'allow' | 'read-only'
  /** Hears every change of level: for alerts and the audit trail. @default none hears */
  readonly onChange?: (change: LevelChange) => void
}

/** The same after validation. */
export interface RiskCheckSettings extends Pick<AssessRiskOptions, 'network' | 'amount' | 'approval' | 'onChange'> {
  readonly store: RiskStore
  readonly rules: RiskRules
  readonly fallback: 'local' | 'allow' | 'read-only'
}

const OPTIONS = optionTable('assessRisk', {
  store: methods<RiskStore>(['open']),
  policy: custom((_, given) => readPolicy(given as RiskPolicy | undefined)),
  network: callback<FindNetwork>(),
  amount: callback<ReadAmount>(),
  approval: callback<Check<RiskCaller, object>>(),
  fallback: word(['local', 'allow', 'read-only'], 'local'),
  onChange: callback<(change: LevelChange) => void>(),
})

/**
 * Reads the options of the check.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`
 */
export function readRiskOptions(options: AssessRiskOptions): RiskCheckSettings {
  const { store = memoryRisk(), policy, network, amount, approval, fallback, onChange } = OPTIONS.read(options)
  const given = {
    ...(network === undefined ? {} : { network }),
    ...(amount === undefined ? {} : { amount }),
    ...(approval === undefined ? {} : { approval }),
    ...(onChange === undefined ? {} : { onChange }),
  }
  return { store, rules: policy, fallback, ...given }
}
