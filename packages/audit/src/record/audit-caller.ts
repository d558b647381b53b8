import type { Level } from '@countermark/core'
import type { Scheme } from '@countermark/core/internal'

/** Who called, as far as it was proven. */
export interface AuditAgent {
  readonly id: string
  readonly level: Level
  readonly scheme: Scheme
  readonly type?: string | undefined
  readonly version?: string | undefined
  readonly owner?: string | undefined
  /** JWK thumbprint of the key that signed (RFC 7638), and the name its source gives it. */
  readonly thumbprint?: string | undefined
  readonly keyId?: string | undefined
  /** Which running instance of the agent, as it says itself. */
  readonly instance?: string | undefined
}

/** An actor in the delegation chain. */
export interface AuditActor {
  readonly id: string
  readonly issuer?: string | undefined
}

/** For whom the agent acted, and through which actors. */
export interface AuditDelegation {
  readonly issuer: string
  readonly tokenId?: string | undefined
  /** The actor that acts now, where that is the agent itself. The whole chain may name people, so it is in `private.actors`. */
  readonly actor?: AuditActor | undefined
  /** How many actors the rights went through, the agent included. */
  readonly depth: number
  readonly scopes: readonly string[]
  readonly binding: string
  readonly issuedAt: string
  readonly expiresAt: string
}
