export { type Check, type CheckDescription, defineCheck } from './check.ts'
export type { CredentialScheme, ForeignSchemes, Level } from './credential-scheme.ts'
export type { Clock, Environment } from './environment.ts'
export type {
  AgentFact,
  AgentView,
  CapabilityFact,
  DelegationFact,
  Facts,
  FreshnessFact,
  ProofFact,
} from './facts.ts'
export { createGuardComposer } from './guard/compose.ts'
export { createGuardSettings, type GuardOptions } from './guard/options.ts'
export { createHeaderFields, type HeaderField } from './header-fields.ts'
export { requireKnownOptions, requireNumber } from './internal/options.ts'
export { importPublicKey } from './keys/import.ts'
export type { AgentKey, AgentRecord, SignatureVerifier } from './keys/key.ts'
export { isMisconfigured, Misconfigured } from './misconfigured.ts'
export type { PolicyFact } from './policy-fact.ts'
export type { ForeignRefusalCodes, RefusalCode, RefusalRow } from './refusal/codes.ts'
export { isRefusal, isUnavailable, Refusal, Unavailable } from './refusal/refusal.ts'
export type { AgentRequest } from './request.ts'
export type { KeyQuery, KeySource } from './seams/key-source.ts'
export type { MetricRow } from './seams/metric-row.ts'
export type { Decision, Observer, Recorder } from './seams/observer.ts'
export type { ClaimResult, ReplayClaim, ReplayStore } from './seams/replay-store.ts'
