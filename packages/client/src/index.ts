export { type AgentFetch, createAgentFetch } from './agent-fetch.ts'
export { AgentFetchError, type AgentFetchErrorCode, isAgentFetchError } from './agent-fetch-error.ts'
export type {
  AgentFetchOptions,
  AgentFetchSettings,
  Authorize,
  UnderlyingFetch,
  UnderlyingInit,
} from './agent-fetch-options.ts'
export { type AgentKeyAlgorithm, type GeneratedAgentKey, generateAgentKey } from './generate-agent-key.ts'
export { type RefusalDocument, readRefusal } from './read-refusal.ts'
export type { ResponseVerificationOptions } from './response-verification.ts'
export type { KeyAtHand, KeyElsewhere, PrivateKeyMaterial } from './signing-identity.ts'
