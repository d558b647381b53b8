export { type AgentFetch, createAgentFetch } from './agent-fetch.ts'
export { AgentFetchError, type AgentFetchErrorCode, isAgentFetchError } from './agent-fetch-error.ts'
export type { AgentFetchOptions, AgentFetchSettings } from './agent-fetch-options.ts'
export { type RefusalDocument, readRefusal } from './challenges/read-refusal.ts'
export type { UnderlyingFetch } from './fetch/underlying-fetch.ts'
export { type AgentKeyAlgorithm, type GeneratedAgentKey, generateAgentKey } from './generate-agent-key.ts'
export type { KeyElsewhere } from './signing-key.ts'
export type { AgentToken, TokenSource } from './tokens/agent-token.ts'
export { type FoundTokenEndpoint, findTokenEndpoint } from './tokens/find-token-endpoint.ts'
export {
  clientCredentials,
  type RefreshTokenSettings,
  refreshToken,
  type TokenExchangeSettings,
  tokenExchange,
} from './tokens/grant-types.ts'
export { type HandOnSettings, handOn } from './tokens/hand-on.ts'
