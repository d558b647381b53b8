export { isGlobalAddress, type ResolveAddresses, type ResolvedAddress } from './addresses.ts'
export type { JsonDocument, TextDocument } from './fetcher.ts'
export { FETCHER_OPTIONS } from './fetcher-options.ts'
export { type BackoffRules, backoffMs } from './outage.ts'
export { OUTBOUND_REASONS, type OutboundDetails, type OutboundReason } from './outbound-error.ts'
export {
  type Asker,
  type CacheContext,
  type CacheEvent,
  type Loaded,
  type LoadRequest,
  REFRESH_TIMES,
} from './refresh-options.ts'
export type { FetchedResponse, FetchFunction } from './transport.ts'
