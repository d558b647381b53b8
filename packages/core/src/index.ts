export { addressPrefix } from './address-prefix.ts'
export { isAgentId, isKeyId } from './agent-id.ts'
export {
  type AgentKey,
  type AgentQuery,
  type AgentRecord,
  findAgentRecord,
  type KeyCaller,
  type KeyQuery,
  type KeySource,
  type RevokedKeys,
  type Scheme,
} from './agent-key.ts'
export type { AgentRequest, RouteInfo } from './agent-request.ts'
export type { ViewMember } from './agent-view.ts'
export { DEFAULT_ALGORITHMS, isSignatureAlgorithm, SIGNATURE_LENGTH, type SignatureAlgorithm } from './algorithms.ts'
export { type Authorities, type FindOrigin, type Origin, originFinder } from './authority.ts'
export { decodeBase64, decodeBase64url } from './base64.ts'
export { canonicalJson, type JsonValue } from './canonical-json.ts'
export {
  type ChallengeContext,
  type Check,
  type CheckDescription,
  defineCheck,
  type GuardDescription,
  type HeaderField,
} from './check.ts'
export { type BreakerRule, type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts'
export { type ClaimAnswer, type ClaimRefusals, claimOnce, refusalOf } from './claim-once.ts'
export { type Clock, systemClock } from './clock.ts'
export { withDeadline } from './deadline.ts'
export { hasDotSegment } from './dot-segments.ts'
export { isSmallOrder } from './ed25519-points.ts'
export type { Environment } from './environment.ts'
export {
  type Actor,
  type AgentFact,
  type AgentView,
  type CapabilityContext,
  type CapabilityFact,
  type DelegationFact,
  type DelegationLink,
  type Facts,
  type FreshnessFact,
  type Level,
  type ProofFact,
  reachesLevel,
} from './facts.ts'
export { createGuardComposer, type Guard, type GuardComposer } from './guard.ts'
export { type ComposeGuard, createGuardFactory, type GuardFactory } from './guard-factory.ts'
export {
  createGuardSettings,
  GUARD_OPTIONS,
  type GuardOptions,
  type GuardSettings,
  type MinimumLevels,
} from './guard-options.ts'
export { createHeaderFields, type HeaderFields } from './header-fields.ts'
export { type ImportedKey, type ImportOptions, importPublicKey } from './key-import.ts'
export type { KeyMaterial } from './key-material.ts'
export { type KeyUse, requireUsableKey } from './key-use.ts'
export {
  degradedRow,
  type GuardMetrics,
  type LabelValues,
  type MetricRow,
  nameLabels,
  readMetrics,
} from './metric-row.ts'
export { isMisconfigured, Misconfigured, type MisconfiguredCode } from './misconfigured.ts'
export { isFrameworkCall, mountedWrongly } from './misuse.ts'
export type { CheckTiming, Decision, Measured, Measurement, Observer, Outcome, Recorder } from './observer.ts'
export type { OpenRequests } from './open-requests.ts'
export {
  requireBoolean,
  requireKnownOptions,
  requireMethods,
  requireNumber,
  requireObject,
  requireStrings,
  requireWord,
} from './option-checks.ts'
export { tidyPem } from './pem.ts'
export type { PublicJwk } from './public-jwk.ts'
export { createRecent, type Recent, type RecentLimits } from './recent.ts'
export { type Credential, isRefusal, isUnavailable, Refusal, type RefusalDetails, Unavailable } from './refusal.ts'
export { type ForeignRefusalCodes, REFUSAL_CODES, type RefusalCode, type RefusalRow } from './refusal-codes.ts'
export { rowOf } from './refusal-rows.ts'
export { type ImportPublicKey, rememberKeys } from './remembered-keys.ts'
export type { ClaimResult, ReplayClaim, ReplayStore } from './replay-store.ts'
export type { ErrorDetail, Reply, ReplyOptions, StatusMode } from './reply.ts'
export { mergeResourceMetadata, metadataUrl, type ResourceMetadata, requireMetadataPlace } from './resource-metadata.ts'
export type { RouteOptions } from './route-options.ts'
export { isSafeMethod } from './safe-method.ts'
export { hasSignatureLength, nodeVerifier, type SignatureVerifier } from './signature-verifier.ts'
export type { SourceLimit } from './source-limit.ts'
export { stateSettings } from './state-settings.ts'
export { isThenable } from './thenable.ts'
export { thumbprintOf } from './thumbprint.ts'
export type { Finish, Verdict } from './verdict.ts'
export { type AcceptanceWindow, acceptUntil, type SignatureTimes } from './window.ts'
