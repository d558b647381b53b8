export { createAgentFetch } from './agent-fetch.ts'
export { AgentFetchError, type AgentFetchErrorCode, isAgentFetchError } from './agent-fetch-error.ts'
export type {
  AgentFetch,
  AgentFetchOptions,
  AgentFetchSettings,
  AuthorityAgentOptions,
} from './agent-fetch-options.ts'
export { type AuthorityAgent, createAuthorityAgent } from './authority/authority-agent.ts'
export type { AuthorityEvent } from './authority/authority-event.ts'
export type { AuthorityApprovals, AuthoritySettings, AuthorityTokens } from './authority/authority-settings.ts'
export { fileIdentityStore } from './authority/file-identity-store.ts'
export {
  type AgentIdentity,
  type IdentityKey,
  type IdentityStore,
  type KeptIdentity,
  memoryIdentityStore,
} from './authority/identity-store.ts'
export type { ApprovalNeeded, ApprovalSource } from './challenges/approval-source.ts'
export { type RefusalDocument, type RequiredApproval, readRefusal } from './challenges/read-refusal.ts'
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
