import type { Environment, MetricRow } from '@countermark/core'
import type { Assessment, Standing } from './assessment.ts'
import type { RiskLevel } from './levels/levels.ts'
import type { EndedRequest, Observation } from './observation.ts'
import type { RiskRules } from './policy/policy.ts'
import type { Review } from './review/decision.ts'
import type { SignalName } from './score/weights.ts'
import type { FindNetwork } from './signals/network-place.ts'

/** A change of level. */
export interface LevelChange {
  /** The agent whose level changed. */
  readonly agentId: string
  /** Its level before. */
  readonly from: RiskLevel
  /** Its level from now on. */
  readonly to: RiskLevel
  /** Unix milliseconds. */
  readonly atMs: number
  /** The score at the change: the sum of the evidence that has not faded. */
  readonly score: number
  /** The sentences of the signals that count most, heaviest first. */
  readonly reasons: readonly string[]
  /** Who changed it: `signals`, or the reviewer by name. */
  readonly by: string
  /** Why a reviewer did; `undefined` for signals. */
  readonly why: string | undefined
}

/** What a store is opened with, once, by the check. */
export interface RiskSettings {
  /** The validated policy. */
  readonly rules: RiskRules
  /** Finds country and autonomous system of an address; `undefined` where prefixes alone count. */
  readonly network: FindNetwork | undefined
  /** Hears every change of level that this process finds or takes. */
  readonly onChange: (change: LevelChange) => void
  /** Hears every signal that adds evidence. */
  readonly onSignal: (signal: SignalName) => void
}

/** Where standing is kept, such as `memoryRisk()`. */
export interface RiskStore {
  /** A closed word for metrics, such as `memory` or `redis`. */
  readonly name: string
  /** Begins to assess. */
  readonly open: (settings: RiskSettings) => RiskBook
}

/** An open store. Answers at once when it can. */
export interface RiskBook {
  /** Assesses a request and remembers it. May throw or reject: then the fallback of the check holds. */
  readonly assess: (observation: Observation, environment: Environment) => Assessment | Promise<Assessment>
  /** The same by what this process knows alone, for the fallback `local`. @default a memory of its own, which knows nothing yet */
  readonly assessAlone?: (observation: Observation, environment: Environment) => Assessment
  /** Takes one request of a throttled agent: 0 when it may pass, otherwise seconds until the next may. */
  readonly takeTurn: (agentId: string, atMs: number) => number | Promise<number>
  /** Hears how a request ended. Never waits, never throws. */
  readonly tell: (ended: EndedRequest) => void
  /** Takes a reviewer's decision, already validated. */
  readonly review: (agentId: string, review: Review, atMs: number) => Standing | Promise<Standing>
  /** Where an agent stands; `undefined` for one that was never seen. */
  readonly find: (agentId: string, atMs: number) => Standing | undefined | Promise<Standing | undefined>
  /** What it reports. @default nothing */
  readonly metrics?: readonly MetricRow[]
  /** Ends connections and timers. @default nothing to end */
  readonly close?: () => void | Promise<void>
}
