import type { AgentKeyAlgorithm } from '../generate-agent-key.ts'
import type { TokenScope } from '../tokens/agent-token.ts'
import type { TokenExchangeSettings } from '../tokens/grant-types.ts'
import type { AuthorityEvent } from './authority-event.ts'
import type { IdentityStore } from './identity-store.ts'

/** Tokens of the authority, for the agent itself or for a user. */
export interface AuthorityTokens
  extends TokenScope,
    Partial<Pick<TokenExchangeSettings, 'subjectToken' | 'subjectTokenType'>> {
  /** Who issues them, where that is not the authority's URL. @default the URL */
  readonly issuer?: string
}

/** How people are asked. */
export interface AuthorityApprovals {
  /** How long a request waits for its decision. Seconds, 1 to 86_400. Required. */
  readonly waitSeconds: number
  /** Who a service is to those who approve, where it does not say so itself. @default its origin */
  readonly audience?: (origin: string) => string
}

/** An authority, and what an agent does there by itself. */
export interface AuthoritySettings {
  /** Where it is, as it signs itself: `https://authority.example.com`, or with the path where it is mounted. Required. */
  readonly url: string
  /** Where keys are kept: `fileIdentityStore('/var/lib/my-agent/identity')`. Required. */
  readonly store: IdentityStore
  /** A code by which the first key counts at once; it works once. @default an owner has to approve the key */
  readonly code?: string
  /** How long the first request waits for an owner. Seconds. @default 3600 */
  readonly enrolmentSeconds?: number
  /** What keys are made for. @default 'ed25519' */
  readonly algorithm?: AgentKeyAlgorithm
  /** Age at which a key is replaced, where that is before the authority asks for it. Days. @default when the authority asks for it */
  readonly rotateAfterDays?: number
  /** How often the authority is asked how old the key is. Seconds. @default 3600 */
  readonly checkEverySeconds?: number
  /** Tokens that go along with each request; with `subjectToken` they are exchanged for it (RFC 8693). @default none */
  readonly tokens?: AuthorityTokens
  /** Asks people where a service wants one to agree, and waits. @default such refusals are answers */
  readonly approvals?: AuthorityApprovals
  /** Told what the agent does by itself. @default not told */
  readonly onEvent?: (event: AuthorityEvent) => void
  /** How long an answer of the authority may take. Seconds. @default 10 */
  readonly timeoutSeconds?: number
  /** Allows `http` at 127.0.0.1, [::1] and localhost. @default false */
  readonly allowLoopbackHttp?: boolean
}
