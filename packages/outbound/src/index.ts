export { type BackoffRules, backoffMs } from './backoff.ts'
export type { FetchedResponse, FetchFunction } from './fetch-transport.ts'
export { createFetcher, type Fetcher, type JsonDocument, type TextDocument } from './fetcher.ts'
export { FETCHER_OPTIONS, type FetcherOptions } from './fetcher-options.ts'
export { isGlobalAddress } from './global-address.ts'
export {
  isOutboundError,
  OUTBOUND_REASONS,
  type OutboundDetails,
  OutboundError,
  type OutboundReason,
} from './outbound-error.ts'
export {
  type Asker,
  type CacheContext,
  type CacheEvent,
  createRefreshCache,
  type Loaded,
  type LoadRequest,
  type RefreshCache,
  type RefreshCacheOptions,
} from './refresh-cache.ts'
export { REFRESH_TIMES, type RefreshTimes } from './refresh-rules.ts'
export type { ResolveAddresses, ResolvedAddress } from './resolve-addresses.ts'
export type { SecondLevel } from './second-level.ts'
