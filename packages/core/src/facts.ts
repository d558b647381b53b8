import type { KeyObject } from 'node:crypto'
import type { Level, Scheme } from './credential-scheme.ts'
import type { AgentRecord, SignatureAlgorithm } from './keys/key.ts'
import type { PolicyFact } from './policy-fact.ts'

/** Who calls. */
export interface AgentFact {
  /** The id of the agent, as the key source knows it. */
  readonly id: string
  /** How sure it is that this agent calls. */
  readonly level: Level
  /** How it presented itself. */
  readonly scheme: Scheme
  /** What the key source knows of it. */
  readonly record: AgentRecord
}

/** What the caller's key signed, and until when that is acceptable. */
export interface ProofFact {
  /** How the signature was presented. */
  readonly scheme: Scheme
  /** The name of the key, as the request gave it. */
  readonly keyId: string
  /** JWK thumbprint of the signing key (RFC 7638). */
  readonly thumbprint: string
  /** What the key signs with. */
  readonly algorithm: SignatureAlgorithm
  /** Unix seconds. */
  readonly created: number
  /** Unix seconds: the last moment at which this proof is accepted. */
  readonly acceptUntil: number
  /** The word that makes this proof different from all others. */
  readonly nonce: string | undefined
  /** SHA-256 of the signed bytes, base64: what identifies a proof without a nonce. */
  readonly baseHash: string
  /** Signature label and tag, for RFC 9421 only. */
  readonly label: string | undefined
  /** The tag of the signature, for RFC 9421 only. */
  readonly tag: string | undefined
  /**
   * All parameters of an RFC 9421 signature, also those that are not known here (`wimse-aud`): text and whole numbers from 0
   * as they are, a flag as `true`, other types as the text of a Structured Field. They are signed; nothing here judges them.
   */
  readonly parameters?: ReadonlyMap<string, string | number | true | { readonly other: string }> | undefined
  /** The signed bytes and the signature: evidence for the audit trail. */
  readonly signed: { readonly base: Uint8Array; readonly signature: Uint8Array }
  /** Unix seconds: when the key ends. */
  readonly keyNotAfter?: number | undefined
  /** The key that verified: with it the evidence stands alone. */
  readonly publicKey?: KeyObject | undefined
  /** Whether the signature covers a component, such as `content-type` or `@query`. */
  readonly covers: (component: string) => boolean
  /** Proofs of other signatures on the same request that hold too: each could be presented alone, so each is used up. */
  readonly further?: readonly ProofFact[] | undefined
}

/** Whether the proof was claimed, once, by a replay store. */
export interface FreshnessFact {
  /** The name of the store that was asked. */
  readonly store: string
  /** `unchecked`: the store could not answer, and the guard lets safe methods pass all the same. */
  readonly state: 'claimed' | 'unchecked'
  /** Unix seconds; `undefined` when unchecked. */
  readonly claimedUntil: number | undefined
}

/** A party in a chain of delegation: a user, an agent or a service. */
export interface Actor {
  /** The id, within `issuer`. */
  readonly id: string
  /** The namespace of the id; an id without one belongs to the issuer of the token. */
  readonly issuer: string | undefined
}

/** One piece of a chain of delegation. */
export interface DelegationLink {
  readonly scopes: readonly string[]
  /** Unix seconds. */
  readonly issuedAt: number
}

/** For whom the caller acts, through which hands, and what that allows. Established by a check of tokens. */
export interface DelegationFact {
  /** Who made the token, as in `iss`. */
  readonly issuer: string
  /** The user, or the agent itself when it acts for itself. */
  readonly subject: string
  /** `jti`; with the issuer it names the token in replay, revocation and audit. */
  readonly tokenId: string | undefined
  /** Who acts now: the outermost `act`, or the subject. Only subject and actor decide access (RFC 8693 section 4.1). */
  readonly actor: Actor
  /** Whose hands it went through before, the latest first: for the audit trail. */
  readonly priorActors: readonly Actor[]
  /** What every link of the chain allows. */
  readonly scopes: readonly string[]
  /**
   * What each piece of a chain grants on its own, the first first: durations and restrictions among its scopes bind those
   * whom the rights are handed on to. `undefined` when nothing was handed on: then {@link DelegationFact.scopes} are all there is.
   */
  readonly links?: readonly DelegationLink[] | undefined
  /** `authorization_details` of every link that carries some (RFC 9396), the first link first: all of them must allow. */
  readonly authorizationDetails: readonly (readonly Readonly<Record<string, unknown>>[])[]
  /** For which services the token was made. */
  readonly audiences: readonly string[]
  /** Unix seconds. */
  readonly issuedAt: number
  /** Unix seconds; the earliest end in the chain. */
  readonly expiresAt: number
  /** How possession was proved: not at all, or by this member of `cnf` (RFC 7800). */
  readonly binding: 'none' | 'jwk' | 'kid' | 'jkt' | 'x5t#S256'
  /** The claims of the token, frozen. Never the token. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What was asked for and granted on this route. Established by a check of capabilities. */
export interface CapabilityFact {
  /** Scopes that this request used, parameters filled in. */
  readonly used: readonly string[]
  /** The same as routes declare them, such as `dns:{zone}:write`: a closed set, fit for a metric label. */
  readonly declared?: readonly string[]
  /** The same as clients ask for them: as routes write them, parameters filled in. */
  readonly asked?: readonly string[]
  /** The approval that this request used up. */
  readonly approval?: { readonly issuer: string; readonly ticketId: string } | undefined
  /** Gives back what this request took from budgets, for a handler that did not do the work after all. Counts once. */
  readonly release?: (() => void | Promise<void>) | undefined
  /** What later decisions about the same request need: see `can` of @countermark/capability. */
  readonly context?: CapabilityContext | undefined
}

/** The request behind a capability, as far as limits are about it. */
export interface CapabilityContext {
  /** The HTTP method. */
  readonly method: string
  /** The address of the caller, where it is known. */
  readonly remoteAddress: string | undefined
  /** Scheme and authority. */
  readonly origin: string
  /** The path, without a query. */
  readonly path: string
}

/** All facts that checks of this repository establish. Other packages augment it. */
export interface Facts {
  /** Who calls. */
  readonly agent: AgentFact
  /** What the caller's key signed. */
  readonly proof: ProofFact
  /** Whether this is the first time. */
  readonly freshness: FreshnessFact
  /** For whom the caller acts. */
  readonly delegation: DelegationFact
  /** What was asked for and granted. */
  readonly capability: CapabilityFact
  /** What the organisation's own policy said. */
  readonly policy: PolicyFact
}

/** What a handler sees as `req.agent` or `ctx.state.agent`: flat and frozen. Other packages augment it. */
export interface AgentView extends AgentFact {
  /** The id of the request: in refusals, logs and audit records. */
  readonly requestId: string
  /** The name of the key that signed; `undefined` without a signature. */
  readonly keyId: string | undefined
  /** JWK thumbprint of that key (RFC 7638). */
  readonly thumbprint: string | undefined
  /** What the key signed; `undefined` without a signature. */
  readonly proof: ProofFact | undefined
  /** Whether this is the first time; `undefined` where no check asked. */
  readonly freshness: FreshnessFact | undefined
  /** For whom the agent acts; `undefined` without a token. */
  readonly delegation: DelegationFact | undefined
  /** What was asked for and granted; `undefined` where no check asked. */
  readonly capability: CapabilityFact | undefined
  /** What the organisation's own policy said; `undefined` where no check asked. */
  readonly policy?: PolicyFact | undefined
  /** Whether the caller's signature covers a component; `false` for a bearer. Read only what is covered (RFC 9421 section 7.2.1). */
  readonly covered: (component: string) => boolean
}
