import { type AgentRequest, type Clock, type KeySource, Misconfigured, Refusal, Unavailable } from '@countermark/core'
import { isSafeMethod, type RevokedKeys } from '@countermark/core/internal'
import type { SignatureFacts } from './signature-facts.ts'

/** What is known of revoked agents and keys: `createRevocations()` of @countermark/delegation. */
export interface SignerRevocations {
  /** @throws Unavailable `revocation_unavailable` when it cannot tell */
  readonly findSigner: (signer: {
    readonly agentId: string
    readonly thumbprint: string
    readonly created: number
  }) => 'agent' | 'key' | undefined
  /** Whether nothing was heard for too long. */
  readonly isStale: () => boolean
  /** Tells of each revocation of an agent or a key as it arrives. */
  readonly follow: (listener: (revoked: RevokedKeys) => void) => void
  readonly useClock?: (clock: Clock) => void
}

/** Lets key sources forget what is revoked at once. @throws Misconfigured */
export function followRevocations(revocations: SignerRevocations | undefined, keys: KeySource): void {
  if (revocations === undefined) return
  if (typeof revocations?.findSigner !== 'function' || typeof revocations.follow !== 'function') {
    throw new Misconfigured('ERR_OPTION_INVALID', 'revocations must come from createRevocations()')
  }
  if (keys.forget !== undefined) revocations.follow((revoked) => keys.forget?.(revoked))
}

/**
 * Refuses who was revoked since its key was fetched. Asked only when the signature held: a stranger learns nothing of it.
 * @throws Refusal `agent_suspended`, `key_revoked`
 * @throws Unavailable `revocation_unavailable`
 */
export function requireUnrevoked(
  { agent, proof }: SignatureFacts,
  { method }: AgentRequest,
  revocations: SignerRevocations,
): void {
  if (revocations.isStale() && !isSafeMethod(method)) {
    throw new Unavailable('revocation_unavailable', 'revocation', 'the feed of revocations is silent')
  }
  const { thumbprint, created } = proof
  const revoked = revocations.findSigner({ agentId: agent.id, thumbprint, created })
  if (revoked === 'agent') throw new Refusal('agent_suspended', 'the agent was revoked')
  if (revoked === 'key') throw new Refusal('key_revoked', 'the key was revoked')
}
