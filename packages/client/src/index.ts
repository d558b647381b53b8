export { type AgentFetch, createAgentFetch } from './agent-fetch.ts'
export { AgentFetchError, type AgentFetchErrorCode, isAgentFetchError } from './agent-fetch-error.ts'
export type {
  AgentFetchOptions,
  AgentFetchSettings,
  Authorize,
  UnderlyingFetch,
  UnderlyingInit,
} from './agent-fetch-options.ts'
export type { DpopKey } from './dpop/dpop-prover.ts'
export { type AgentKeyAlgorithm, type GeneratedAgentKey, generateAgentKey } from './generate-agent-key.ts'
export { type RefusalDocument, readRefusal } from './read-refusal.ts'
export type { ResponseVerificationOptions } from './response-verification.ts'
export type { KeyAtHand, KeyElsewhere, PrivateKeyMaterial } from './signing-identity.ts'
export type { AgentToken, RequiredAuthentication, TokenRequest, TokenSource } from './tokens/agent-token.ts'
export { type ClientCredentialsOptions, clientCredentials } from './tokens/client-credentials.ts'
export {
  type FindTokenEndpointOptions,
  type FoundTokenEndpoint,
  findTokenEndpoint,
} from './tokens/find-token-endpoint.ts'
export { type HandOnOptions, type HandOnSettings, handOn } from './tokens/hand-on.ts'
export { type RefreshTokenOptions, type RefreshTokenSettings, refreshToken } from './tokens/refresh-token.ts'
export type { MayAskFor } from './tokens/step-ups.ts'
export type { TokenEndpointOptions, TokenEndpointSettings } from './tokens/token-endpoint-options.ts'
export {
  type ExchangeTokenType,
  type HeldToken,
  type TokenExchangeOptions,
  type TokenExchangeSettings,
  tokenExchange,
} from './tokens/token-exchange.ts'
export type { TokenScope, TokenTarget } from './tokens/token-target.ts'
