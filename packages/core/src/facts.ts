import type { AgentRecord, Scheme } from './agent-key.ts'
import type { SignatureAlgorithm } from './algorithms.ts'

/** How much a credential proves, weakest first (R12). */
export type Level = 'identified' | 'bearer' | 'bound' | 'signed'

const RANK: Readonly<Record<Level, number>> = { identified: 0, bearer: 1, bound: 2, signed: 3 }

/** All levels, weakest first. */
export const LEVELS: readonly Level[] = ['identified', 'bearer', 'bound', 'signed']

/** Whether a level is at least another one. */
export function reachesLevel(level: Level, minimum: Level): boolean {
  return RANK[level] >= RANK[minimum]
}

/** Who calls. */
export interface AgentFact {
  readonly id: string
  readonly level: Level
  readonly scheme: Scheme
  readonly record: AgentRecord
}

/** What the caller's key signed, and until when that is acceptable. */
export interface ProofFact {
  readonly scheme: Scheme
  readonly keyId: string
  /** JWK thumbprint of the signing key (RFC 7638). */
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  /** Unix seconds. */
  readonly created: number
  /** Unix seconds: the last moment at which this proof is accepted. */
  readonly acceptUntil: number
  readonly nonce: string | undefined
  /** SHA-256 of the signed bytes, base64: what identifies a proof without a nonce. */
  readonly baseHash: string
  /** Signature label and tag, for RFC 9421 only. */
  readonly label: string | undefined
  readonly tag: string | undefined
  /** The signed bytes and the signature: evidence for the audit trail. */
  readonly signed: { readonly base: Uint8Array; readonly signature: Uint8Array }
  /** Whether the signature covers a component, such as `content-type` or `@query`. */
  readonly covers: (component: string) => boolean
}

/** Whether the proof was claimed, once, by a replay store. */
export interface FreshnessFact {
  readonly store: string
  /** `unchecked`: the store could not answer, and the guard lets safe methods pass all the same. */
  readonly state: 'claimed' | 'unchecked'
  /** Unix seconds; `undefined` when unchecked. */
  readonly claimedUntil: number | undefined
}

/** All facts that checks of this repository establish. Other packages augment it. */
export interface Facts {
  readonly agent: AgentFact
  readonly proof: ProofFact
  readonly freshness: FreshnessFact
}

/** What a handler sees as `req.agent` or `ctx.state.agent`: flat and frozen. Other packages augment it. */
export interface AgentView extends AgentFact {
  readonly requestId: string
  readonly keyId: string | undefined
  readonly thumbprint: string | undefined
  readonly proof: ProofFact | undefined
  readonly freshness: FreshnessFact | undefined
  /** Whether the caller's signature covers a component; `false` for a bearer. Read only what is covered (RFC 9421 section 7.2.1). */
  readonly covered: (component: string) => boolean
}
