import { setTimeout as wait } from 'node:timers/promises'
import { type Clock, Misconfigured, type Observer } from '@countermark/core'
import { callback, custom, methods, number, optionTable, systemClock, text } from '@countermark/core/internal'
import { type RiskPolicy, type RiskRules, readPolicy } from '../policy/policy.ts'
import type { LevelChange } from '../risk-store.ts'
import type { FindNetwork } from '../signals/network-place.ts'
import { callersByToken, type FindCaller, type RiskServiceToken } from './callers.ts'
import type { RiskEventSource } from './events/event-source.ts'

/** Keeps what people and signals decided: `auditTrail` of @countermark/audit. */
export interface RiskTrail {
  /** Records one event; answers once it is kept. */
  readonly event: (event: {
    readonly event: string
    readonly details: Readonly<Record<string, unknown>>
  }) => Promise<void>
}

/** Options of {@link createRiskServer}. */
export interface RiskServerOptions {
  /** Who may call, and for what. One of `tokens` and `authenticate` is needed. */
  readonly tokens?: readonly RiskServiceToken[]
  /** Finds who calls in another way, such as by a guard in front. */
  readonly authenticate?: FindCaller
  /** How behaviour is judged. @default as `assessRisk` does */
  readonly policy?: RiskPolicy
  /** Where an address belongs. @default only its prefix counts */
  readonly network?: FindNetwork
  /** Agents that are remembered, 2 KB each. @default 100_000 */
  readonly maxAgents?: number
  /** A file in which levels and baselines outlive this process. @default they do not */
  readonly snapshot?: string
  /** How often it is written while the service runs, besides at its end. Seconds. @default 60 */
  readonly snapshotEverySeconds?: number
  /** Where events of guards are read from. @default only what is posted */
  readonly sources?: readonly RiskEventSource[]
  /** Hears every change of level: for alerts. @default none hears */
  readonly onChange?: (change: LevelChange) => void
  /** Keeps changes and reviews. A review that cannot be recorded is refused. @default none does */
  readonly trail?: RiskTrail
  /** For metrics. @default none */
  readonly observers?: readonly Observer[]
  /** The longest body. Bytes. @default 1_048_576 */
  readonly maxBodyBytes?: number
  /** Scores in one answer at most. @default 500 */
  readonly maxScores?: number
  /** @default the machine's clock */
  readonly clock?: Clock
  /** Waits until sources are read again. @default a timer that keeps no process alive */
  readonly delay?: (ms: number) => Promise<void>
}

/** The same after validation. */
export interface RiskServerSettings {
  readonly findCaller: FindCaller
  readonly rules: RiskRules
  readonly network: FindNetwork | undefined
  readonly maxAgents: number
  readonly snapshot: string | undefined
  readonly snapshotEverySeconds: number
  readonly sources: readonly RiskEventSource[]
  readonly onChange: (change: LevelChange) => void
  readonly trail: RiskTrail | undefined
  readonly observers: readonly Observer[]
  readonly maxBodyBytes: number
  readonly maxScores: number
  readonly clock: Clock
  readonly delay: (ms: number) => Promise<void>
}

const OPTIONS = optionTable('createRiskServer', {
  tokens: custom((_, given) => given as readonly RiskServiceToken[] | undefined),
  authenticate: callback<FindCaller>(),
  policy: custom((_, given) => readPolicy(given as RiskPolicy | undefined)),
  network: callback<FindNetwork>(),
  maxAgents: number({ min: 1, max: 10_000_000, default: 100_000 }),
  snapshot: text(),
  snapshotEverySeconds: number({ min: 1, max: 86_400, default: 60 }),
  sources: custom((_, given = []) => given as readonly RiskEventSource[]),
  onChange: callback<(change: LevelChange) => void>(),
  trail: methods<RiskTrail>(['event']),
  observers: custom((_, given = []) => given as readonly Observer[]),
  maxBodyBytes: number({ min: 1024, max: 67_108_864, default: 1_048_576 }),
  maxScores: number({ min: 1, max: 10_000, default: 500 }),
  clock: methods<Clock>(['wallMs', 'monotonicMs']),
  delay: callback<(ms: number) => Promise<void>>(),
})

/**
 * Reads the options of the service.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`, `ERR_OPTION_UNKNOWN`, `ERR_OPTION_MISSING`
 */
export function readServerOptions(options: RiskServerOptions): RiskServerSettings {
  const { tokens, authenticate, policy, onChange, clock, delay, ...settings } = OPTIONS.read(options)
  if (tokens !== undefined && authenticate !== undefined) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'tokens and authenticate are two answers to one question: give one')
  }
  return {
    ...settings,
    findCaller: authenticate ?? callersByToken(tokens ?? []),
    rules: policy,
    onChange: onChange ?? (() => undefined),
    clock: clock ?? systemClock,
    delay: delay ?? (async (ms) => void (await wait(ms, undefined, { ref: false }))),
  }
}
