import type { Clock } from '@countermark/core'
import type { SimpleHeaderNames } from '@countermark/signature'
import type { AuthoritySettings } from './authority/authority-settings.ts'
import type { ApprovalSource } from './challenges/approval-source.ts'
import type { MayAskFor } from './challenges/token-challenge.ts'
import type { ResponseVerificationOptions } from './fetch/response-verification.ts'
import type { UnderlyingFetch } from './fetch/underlying-fetch.ts'
import type { DpopKey } from './forms/dpop.ts'
import type { KeyAtHand, KeyElsewhere } from './signing-key.ts'
import type { TokenSource } from './tokens/agent-token.ts'

/** Gives the value of `Authorization` for a request that is about to be signed; asked again for every try. */
export type Authorize = (request: {
  readonly method: string
  readonly url: string
}) => string | undefined | Promise<string | undefined>

/** A `fetch` that signs. It takes what `fetch` takes. */
export type AgentFetch = (input: string | URL | Request, init?: RequestInit | null) => Promise<Response>

/** How an agent calls, wherever its key is kept. */
export interface AgentFetchSettings {
  /** Who calls, as the registry knows it: sent and signed as `Agent-ID`. Required. */
  readonly agentId: string
  /** Who may get signatures and credentials, such as `['https://api.example.com']`. No other server is asked anything. Required. */
  readonly origins: readonly string[]
  /** `dpop`: not signed, a proof of possession beside a token is all there is. @default 'httpsig' */
  readonly form?: 'httpsig' | 'simple-v1' | 'simple-v0' | 'dpop'
  /** The value of `Authorization`, such as `Bearer …`, or what gives it. A header of the single request wins. @default none */
  readonly authorization?: string | Authorize
  /** Where tokens come from, in place of `authorization`. @default none */
  readonly token?: TokenSource
  /** Scopes that a service may talk us into asking for: a list, or a function of a scope and the origin. @default [] */
  readonly mayAskFor?: MayAskFor
  /** Proves possession of this key (RFC 9449); `true`: the one that signs. A token of scheme Bearer is then refused. @default none */
  readonly dpop?: DpopKey
  /** Asks a human, where a service wants one to agree; the request then goes out once more, with the ticket. @default refusals are answers */
  readonly approve?: ApprovalSource
  /** Further header fields to sign when they are sent. Only with form `httpsig`. @default [] */
  readonly cover?: readonly string[]
  /** Origin under which the agent publishes its keys (Web Bot Auth). Only with form `httpsig`. @default none */
  readonly signatureAgent?: string
  /** Other names for the header fields of the simple forms. @default the standard names */
  readonly headerNames?: SimpleHeaderNames
  /** How long a signature may be used. Seconds. Only with form `httpsig`. @default 60 */
  readonly expiresSeconds?: number
  /** Largest body that is held in memory. Bytes. @default 16_777_216 */
  readonly maxBodyBytes?: number
  /** @default 5 */
  readonly maxRedirects?: number
  /** How often a request that was refused with 503 or 429 is tried again. @default 2 */
  readonly maxRetries?: number
  /** The longest wait before one of these tries. Seconds. @default 30 */
  readonly maxRetryDelaySeconds?: number
  /** How far off our clock a server's `Date` may be and still be believed; 0 believes none. Seconds. @default 3600 */
  readonly maxClockSkewSeconds?: number
  /** Check signatures of responses. @default responses are not checked */
  readonly verifyResponses?: ResponseVerificationOptions
  /** @default the global `fetch` */
  readonly fetch?: UnderlyingFetch
  /** @default the machine's clock */
  readonly clock?: Clock
  /** Waits; rejects when the signal aborts. @default a timer */
  readonly delay?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** Options with a key that stays. */
export type SignedFetchOptions = AgentFetchSettings & (KeyAtHand | KeyElsewhere) & { readonly authority?: never }

/** Options of `createAgentFetch`. */
export type AgentFetchOptions = SignedFetchOptions | AuthorityAgentOptions

/** Options of an agent that an authority knows: its key, and with `tokens` its tokens, come from there. */
export type AuthorityAgentOptions = AgentFetchSettings & KeyOfAuthority

/** A key that the agent makes, brings to an authority, and replaces in time. */
export interface KeyOfAuthority {
  /** Where the agent is registered, and what it does there by itself. */
  readonly authority: AuthoritySettings
  /** Kept by `authority.store`. */
  readonly key?: never
  /** The thumbprint. */
  readonly keyId?: never
  /** Kept by `authority.store`. */
  readonly sign?: never
  /** See `authority.algorithm`. */
  readonly algorithm?: never
  /** Follows from the key. */
  readonly publicKey?: never
}
