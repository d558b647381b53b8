export type { ChallengeContext, GuardDescription } from './check.ts'
export { CREDENTIAL_SCHEMES, type EvidenceGrade, reachesLevel, type Scheme } from './credential-scheme.ts'
export { systemClock } from './environment.ts'
export type { Actor, CapabilityContext } from './facts.ts'
export { type GuardSummary, summariesOf, summarise } from './guard/compose.ts'
export { type ComposeGuard, createGuardFactory, type GuardFactory } from './guard/factory.ts'
export { GUARD_OPTIONS, renameOrigins } from './guard/options.ts'
export { type FindOrigin, type Origins, originFinder } from './guard/origins.ts'
export { beginRehearsal, isRehearsal } from './guard/rehearsal.ts'
export type { RouteOptions } from './guard/route-options.ts'
export {
  createSourceLimiter,
  type SourceLimit,
  type SourceLimiter,
  type SourceLimitSettings,
  sourceLimit,
} from './guard/source-limit.ts'
export type { Guard, Verdict } from './guard/state.ts'
export type { HeaderFields } from './header-fields.ts'
export { decodeBase64, decodeBase64url } from './internal/base64.ts'
export { createCircuitBreaker } from './internal/breaker.ts'
export { canonicalJson, type JsonValue } from './internal/canonical-json.ts'
export { withDeadline } from './internal/deadline.ts'
export { defineMetrics, type Metrics } from './internal/define-metrics.ts'
export { findDocsFile } from './internal/docs-file.ts'
export {
  addressPrefix,
  canonicalAddress,
  type IpNetwork,
  type IpNetworks,
  tryParseNetwork,
  tryParseNetworks,
} from './internal/ip.ts'
export { AmbiguousJson, BODY_JSON, isJsonObject, type JsonObject, ownMember, parseStrictJson } from './internal/json.ts'
export {
  callback,
  custom,
  describeSettings,
  flag,
  methods,
  nested,
  number,
  type OptionReader,
  type OptionRows,
  optionTable,
  type SettingsOf,
  strings,
  text,
  undescribed,
  word,
} from './internal/option-table.ts'
export { hasNoRequire, loadOptionalPeer } from './internal/optional-peer.ts'
export { requireMethods, requireObject, requireStrings, requireWord } from './internal/options.ts'
export { createRecent } from './internal/recent.ts'
export {
  clearKeys,
  createAskRedis,
  createSender,
  isRedisCluster,
  REDIS_BREAKER,
  type RedisClient,
  reportDegraded,
  requireNoPool,
  requireOneServer,
  type SendCommand,
} from './internal/redis.ts'
export { type RedisEntry, type RedisTailOptions, readRedisTail, requireDuplicable } from './internal/redis-tail.ts'
export { SEAL_BYTES, sealOf } from './internal/seal.ts'
export { isThenable, then } from './internal/then.ts'
export type { ImportedKey } from './keys/import.ts'
export { type ImportPublicKey, rememberKeys } from './keys/import.ts'
export type { PublicJwk } from './keys/jwk.ts'
export { thumbprintOf } from './keys/jwk.ts'
export {
  DEFAULT_ALGORITHMS,
  hasSignatureLength,
  isAgentId,
  isKeyId,
  isSignatureAlgorithm,
  isSmallOrder,
  nodeVerifier,
  requireUsableKey,
  type SignatureAlgorithm,
} from './keys/key.ts'
export type { KeyMaterial } from './keys/material.ts'
export { tidyPem } from './keys/material.ts'
export type { MisconfiguredCode } from './misconfigured.ts'
export { isFrameworkCall, mountedWrongly } from './misconfigured.ts'
export { originOf, sentTarget } from './node/request.ts'
export { wasRefused } from './node/response.ts'
export { requireSingleProcess } from './node/single-process.ts'
export { REFUSAL_CODES, rowOf } from './refusal/codes.ts'
export type { Credential, RefusalDetails } from './refusal/refusal.ts'
export {
  mergeResourceMetadata,
  metadataUrl,
  type ResourceMetadata,
  requireMetadataPlace,
} from './refusal/resource-metadata.ts'
export { type ReplyContext, type ReplyOptions, replyTo, type StatusMode } from './refusal/response.ts'
export type { RouteInfo } from './request.ts'
export { hasDotSegment, isSafeMethod } from './request.ts'
export { type AgentQuery, findAgentRecord, type KeyCaller, type RevokedKeys } from './seams/key-source.ts'
export type { Measurement } from './seams/metric-row.ts'
export { degradedRow, type GuardMetrics, type LabelValues, nameLabels, readMetrics } from './seams/metric-row.ts'
export type { Outcome } from './seams/observer.ts'
export {
  type AcceptanceWindow,
  acceptUntil,
  type ClaimAnswer,
  type ClaimRefusals,
  claimOnce,
  refusalOf,
} from './seams/replay-store.ts'
