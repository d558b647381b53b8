import type { MetricRow } from '@countermark/core'
import type { Measurement } from '@countermark/core/internal'
import type { PolicyInput } from '../input/policy-input.ts'

/** What an engine asks for besides its yes. */
export type PolicyObligation =
  /** A person has to approve exactly this request. */
  | { readonly type: 'approval' }
  /** Nothing may be changed. */
  | { readonly type: 'read_only' }
  /** An argument may be so large at most. */
  | { readonly type: 'limit'; readonly argument: string; readonly max: number }
  /** The caller has had enough for now. Seconds. */
  | { readonly type: 'limit'; readonly retry_after_seconds: number }

/** The whole answer of an engine. */
export interface PolicyDecision {
  /** Only `true` lets pass. */
  readonly allow: boolean
  /** Why, for operators: in the fact, the audit trail and, where it is one short word, the metrics. */
  readonly reason?: string
  /** Why, for the caller: sent. */
  readonly tell?: string
  /** Which version of the policy decided. */
  readonly revision?: string
  /** The name under which the engine logged the decision. */
  readonly decision_id?: string
  /** What has to be so besides, or the request is refused. */
  readonly obligations?: readonly PolicyObligation[]
  /** How long the same answer holds for an equal question. Seconds. @default it holds once */
  readonly cache_seconds?: number
}

/** What an engine is called with. */
export interface PolicyCall {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/** The organisation's own policy. */
export interface PolicyEngine {
  /** The value of the label `engine` in metrics. */
  readonly name: string
  /**
   * Answers a question: `true`, `false` or a {@link PolicyDecision}. Anything else is no answer: the request is refused with
   * `policy_unavailable`, as it is where this throws.
   */
  readonly decide: (input: PolicyInput, call: PolicyCall) => unknown
  /** Answers many questions at once, in order: for plans. @default each by `decide` */
  readonly decideAll?: (inputs: readonly PolicyInput[], call: PolicyCall) => Promise<readonly unknown[]>
  /** Which version of the policy decides now: answers of another one are forgotten. @default not known */
  readonly revision?: () => string | undefined
  /** Resolves once it can answer. */
  readonly ready?: () => Promise<void>
  /** Ends timers and connections. */
  readonly close?: () => void | Promise<void>
  /** Where its own measurements go; told with the first question. */
  readonly reportTo?: (report: (measurement: Measurement) => void) => void
  /** What it reports. */
  readonly metrics?: readonly MetricRow[]
}

/** A policy that is a function: the shortest engine. */
export type PolicyFunction = (input: PolicyInput, call: PolicyCall) => unknown

/** Engines by their own word. */
export const ENGINE_NAMES = ['function', 'opa', 'opa-wasm', 'cedar', 'authzen'] as const
