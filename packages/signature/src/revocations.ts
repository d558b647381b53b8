import { type Clock, type Environment, type KeySource, Refusal, type ReplayStore, Unavailable } from '@countermark/core'
import { isSafeMethod, type RevokedKeys } from '@countermark/core/internal'

/** Who signed, with what and when. */
export interface Signer {
  readonly agentId: string
  /** JWK thumbprint (RFC 7638). */
  readonly thumbprint: string
  /** Unix seconds. */
  readonly created: number
}

/** What is known of revoked agents and keys: `createRevocations()` of @countermark/delegation. */
export interface SignerRevocations {
  /** @throws Unavailable `revocation_unavailable` when it cannot tell */
  readonly findSigner: (signer: Signer) => 'agent' | 'key' | undefined
  /** Whether nothing was heard for too long. */
  readonly isStale: () => boolean
  /** Tells of each revocation of an agent or a key as it arrives. */
  readonly follow: (listener: (revoked: RevokedKeys) => void) => void
  /** Gives the list the clock of the guard. @default it keeps its own */
  readonly useClock?: (clock: Clock) => void
}

/** Lets key sources forget what is revoked at once. */
export function followRevocations(revocations: SignerRevocations | undefined, keys: KeySource): void {
  if (keys.forget !== undefined) revocations?.follow((revoked) => keys.forget?.(revoked))
}

/**
 * Refuses agents and keys that were revoked since the key was fetched. Asked only when the signature held: an unproven caller
 * learns nothing of it.
 * @param method of a request; what is no request counts as unsafe
 * @throws Refusal `agent_suspended`, `key_revoked`
 * @throws Unavailable `revocation_unavailable`
 */
export function requireUnrevoked(signer: Signer, revocations: SignerRevocations | undefined, method?: string): void {
  if (revocations === undefined) return
  if (revocations.isStale() && (method === undefined || !isSafeMethod(method))) {
    throw new Unavailable('revocation_unavailable', 'revocation', 'the feed of revocations is silent')
  }
  const revoked = revocations.findSigner(signer)
  if (revoked === 'agent') throw new Refusal('agent_suspended', 'the agent was revoked')
  if (revoked === 'key') throw new Refusal('key_revoked', 'the key was revoked')
}

/** Tells a store and revocations the clock of the first environment, as a guard does for those of its checks. */
export function createClockFollower(
  store: ReplayStore | undefined,
  revocations: SignerRevocations | undefined,
): (environment: Environment) => void {
  let isTold = false
  return ({ clock }) => {
    if (isTold) return
    isTold = true
    store?.useClock?.(clock)
    revocations?.useClock?.(clock)
  }
}
