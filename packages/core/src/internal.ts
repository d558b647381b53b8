export { isAgentId, isKeyId } from './agent-id.ts'
export { type AgentQuery, findAgentRecord, type KeyCaller, type RevokedKeys } from './agent-key.ts'
export type { RouteInfo } from './agent-request.ts'
export type { ViewMember } from './agent-view.ts'
export { DEFAULT_ALGORITHMS, isSignatureAlgorithm, SIGNATURE_LENGTH, type SignatureAlgorithm } from './algorithms.ts'
export { type Authorities, type FindOrigin, type Origin, originFinder } from './authority.ts'
export type { ChallengeContext, GuardDescription } from './check.ts'
export { type ClaimAnswer, type ClaimRefusals, claimOnce, refusalOf } from './claim-once.ts'
export { systemClock } from './clock.ts'
export { hasDotSegment } from './dot-segments.ts'
export { isSmallOrder } from './ed25519-points.ts'
export { type Actor, type CapabilityContext, type DelegationLink, reachesLevel } from './facts.ts'
export type { Guard, GuardComposer } from './guard.ts'
export { type ComposeGuard, createGuardFactory, type GuardFactory } from './guard-factory.ts'
export { GUARD_OPTIONS, type GuardSettings, type MinimumLevels } from './guard-options.ts'
export { type GuardSummary, summariesOf, summarise } from './guard-summary.ts'
export type { HeaderFields } from './header-fields.ts'
export { decodeBase64, decodeBase64url } from './internal/base64.ts'
export { type BreakerRule, type CircuitBreaker, createCircuitBreaker } from './internal/breaker.ts'
export { canonicalJson, type JsonValue } from './internal/canonical-json.ts'
export { withDeadline } from './internal/deadline.ts'
export { defineMetrics, type LabelsByName, type Metrics, type RowsByName } from './internal/define-metrics.ts'
export {
  addressPrefix,
  canonicalAddress,
  type IpNetwork,
  type IpNetworks,
  tryParseNetwork,
  tryParseNetworks,
} from './internal/ip.ts'
export {
  AmbiguousJson,
  BODY_JSON,
  isJsonObject,
  type JsonObject,
  ownMember,
  parseStrictJson,
  type StrictJsonRules,
} from './internal/json.ts'
export {
  callback,
  custom,
  flag,
  methods,
  nested,
  number,
  type OptionReader,
  type OptionRows,
  type OptionTable,
  optionTable,
  type SettingsOf,
  stateSettings,
  strings,
  text,
  unstated,
  word,
} from './internal/option-table.ts'
export { requireBoolean, requireMethods, requireObject, requireStrings, requireWord } from './internal/options.ts'
export { createRecent, type Recent, type RecentLimits } from './internal/recent.ts'
export {
  type AskRedis,
  type AskRedisOptions,
  clearKeys,
  createAskRedis,
  createSender,
  type IoredisClient,
  isRedisCluster,
  type NodeRedisClient,
  type NodeRedisCluster,
  REDIS_BREAKER,
  type RedisClient,
  reportDegraded,
  requireNoPool,
  requireOneServer,
  type SendCommand,
} from './internal/redis.ts'
export { isThenable, then } from './internal/then.ts'
export type { ImportedKey, ImportOptions } from './key-import.ts'
export type { KeyMaterial } from './key-material.ts'
export { type KeyUse, requireUsableKey } from './key-use.ts'
export type { Scheme } from './keys/agent-key.ts'
export type { Measured } from './metric-row.ts'
export { degradedRow, type GuardMetrics, type LabelValues, nameLabels, readMetrics } from './metric-row.ts'
export type { MisconfiguredCode } from './misconfigured.ts'
export { isFrameworkCall, mountedWrongly } from './misuse.ts'
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
export type { CheckTiming } from './observer.ts'
export type { OpenRequests } from './open-requests.ts'
export { tidyPem } from './pem.ts'
export type { PublicJwk } from './public-jwk.ts'
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
export { thumbprintOf } from './thumbprint.ts'
export type { Finish, Verdict } from './verdict.ts'
export { type AcceptanceWindow, acceptUntil, type SignatureTimes } from './window.ts'
