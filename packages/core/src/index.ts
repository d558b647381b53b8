export type { KeyQuery, KeySource } from './agent-key.ts'
export type { AgentRequest } from './agent-request.ts'
export { type Check, type CheckDescription, defineCheck } from './check.ts'
export type { Clock } from './clock.ts'
export type { Environment } from './environment.ts'
export type {
  AgentFact,
  AgentView,
  CapabilityFact,
  DelegationFact,
  Facts,
  FreshnessFact,
  Level,
  ProofFact,
} from './facts.ts'
export { createGuardComposer } from './guard.ts'
export { createGuardSettings, type GuardOptions } from './guard-options.ts'
export { createHeaderFields, type HeaderField } from './header-fields.ts'
export { requireKnownOptions, requireNumber } from './internal/options.ts'
export { importPublicKey } from './key-import.ts'
export type { AgentKey, AgentRecord } from './keys/agent-key.ts'
export type { Measurement, MetricRow } from './metric-row.ts'
export { isMisconfigured, Misconfigured } from './misconfigured.ts'
export type { Decision, Observer, Outcome, Recorder } from './observer.ts'
export { isRefusal, isUnavailable, Refusal, Unavailable } from './refusal.ts'
export type { ForeignRefusalCodes, RefusalCode, RefusalRow } from './refusal-codes.ts'
export type { ClaimResult, ReplayClaim, ReplayStore } from './replay-store.ts'
export type { SignatureVerifier } from './signature-verifier.ts'
