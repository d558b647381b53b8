export { addressPrefix } from './address-prefix.ts'
export { isAgentId, isKeyId } from './agent-id.ts'
export { type AgentQuery, findAgentRecord, type KeyCaller, type RevokedKeys, type Scheme } from './agent-key.ts'
export type { RouteInfo } from './agent-request.ts'
export type { ViewMember } from './agent-view.ts'
export { DEFAULT_ALGORITHMS, isSignatureAlgorithm, SIGNATURE_LENGTH, type SignatureAlgorithm } from './algorithms.ts'
export { type Authorities, type FindOrigin, type Origin, originFinder } from './authority.ts'
export { decodeBase64, decodeBase64url } from './base64.ts'
export { canonicalJson, type JsonValue } from './canonical-json.ts'
export type { ChallengeContext, GuardDescription } from './check.ts'
export { type BreakerRule, type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts'
export { type ClaimAnswer, type ClaimRefusals, claimOnce, refusalOf } from './claim-once.ts'
export { systemClock } from './clock.ts'
export { withDeadline } from './deadline.ts'
export { hasDotSegment } from './dot-segments.ts'
export { isSmallOrder } from './ed25519-points.ts'
export { type Actor, type CapabilityContext, type DelegationLink, reachesLevel } from './facts.ts'
export type { Guard, GuardComposer } from './guard.ts'
export { type ComposeGuard, createGuardFactory, type GuardFactory } from './guard-factory.ts'
export { GUARD_OPTIONS, type GuardSettings, type MinimumLevels } from './guard-options.ts'
export type { HeaderFields } from './header-fields.ts'
export type { ImportedKey, ImportOptions } from './key-import.ts'
export type { KeyMaterial } from './key-material.ts'
export { type KeyUse, requireUsableKey } from './key-use.ts'
export { defineMetrics, type LabelsByName, type Metrics, type RowsByName } from './internal/define-metrics.ts'
export { degradedRow, type GuardMetrics, type LabelValues, nameLabels, readMetrics } from './metric-row.ts'
export type { MisconfiguredCode } from './misconfigured.ts'
export { isFrameworkCall, mountedWrongly } from './misuse.ts'
export { canonicalAddress, type FindClientAddress } from './node/client-address.ts'
export type { ReadMessage } from './node/kept-body.ts'
export { wasRefused } from './node/reply-head.ts'
export { originOf } from './node/request-host.ts'
export { sentTarget } from './node/sent-target.ts'
export {
  findSignOfOthers,
  type ProcessSurroundings,
  readSurroundings,
  requireSingleProcess,
} from './node/single-process.ts'
export type { CheckTiming, Measured } from './observer.ts'
export type { OpenRequests } from './open-requests.ts'
export { requireBoolean, requireMethods, requireObject, requireStrings, requireWord } from './option-checks.ts'
export { tidyPem } from './pem.ts'
export type { PublicJwk } from './public-jwk.ts'
export { createRecent, type Recent, type RecentLimits } from './recent.ts'
export {
  type AskRedis,
  type AskRedisOptions,
  createAskRedis,
  REDIS_BREAKER,
  reportDegraded,
} from './redis/ask-redis.ts'
export {
  clearKeys,
  createSender,
  type IoredisClient,
  isRedisCluster,
  type NodeRedisClient,
  type NodeRedisCluster,
  type RedisClient,
  requireNoPool,
  requireOneServer,
  type SendCommand,
} from './redis/redis-client.ts'
export type { Credential, RefusalDetails } from './refusal.ts'
export { REFUSAL_CODES } from './refusal-codes.ts'
export { rowOf } from './refusal-rows.ts'
export { type ImportPublicKey, rememberKeys } from './remembered-keys.ts'
export type { ErrorDetail, Reply, ReplyOptions, StatusMode } from './reply.ts'
export { mergeResourceMetadata, metadataUrl, type ResourceMetadata, requireMetadataPlace } from './resource-metadata.ts'
export type { RouteOptions } from './route-options.ts'
export { isSafeMethod } from './safe-method.ts'
export { hasSignatureLength, nodeVerifier } from './signature-verifier.ts'
export type { SourceLimit } from './source-limit.ts'
export { stateSettings } from './state-settings.ts'
export { isThenable } from './thenable.ts'
export { thumbprintOf } from './thumbprint.ts'
export type { Finish, Verdict } from './verdict.ts'
export { type AcceptanceWindow, acceptUntil, type SignatureTimes } from './window.ts'
