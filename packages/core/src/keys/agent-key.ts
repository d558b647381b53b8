import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../algorithms.ts'

/** The ways a credential may be presented. A key for `simple-v0` is good for nothing else. */
export type Scheme = 'httpsig' | 'simple-v1' | 'simple-v0' | 'challenge' | 'action' | 'dpop' | 'mtls' | 'bearer'

/** What a registry knows of an agent beyond its keys. */
export interface AgentRecord {
  readonly id: string
  readonly type?: string
  readonly version?: string
  readonly owner?: string
  readonly capabilities?: readonly string[]
  /** Limits of everything that the agent does; what a check of capabilities does not understand, it refuses. */
  readonly constraints?: Readonly<Record<string, unknown>>
  readonly state: 'active' | 'suspended' | 'retired'
}

/** A public key that passed {@link importPublicKey}, with the agent it belongs to. */
export interface AgentKey {
  readonly agent: AgentRecord
  /** The name the source gives the key; any string of at most 256 printable characters. */
  readonly keyId: string
  /** JWK SHA-256 thumbprint, base64url (RFC 7638). */
  readonly thumbprint: string
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: KeyObject
  /** The 32 raw bytes of an Ed25519 key, for verifiers that take bytes. */
  readonly rawPublicKey: Uint8Array | undefined
  /** Revoked keys stay listed, so that they are refused by name. */
  readonly state: 'active' | 'revoked'
  /** Unix seconds. */
  readonly notBefore: number | undefined
  /** Unix seconds. */
  readonly notAfter: number | undefined
  /** The only schemes this key may be used for. @default every scheme but `simple-v0` */
  readonly schemes: readonly Scheme[] | undefined
}
