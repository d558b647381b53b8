import type { ClaimResult, ReplayClaim, ReplayStore } from '@countermark/core'

/** A replay store that remembers everything, and can be told to answer otherwise. */
export interface RememberingStore extends ReplayStore {
  readonly claims: readonly ReplayClaim[]
}

/** Creates a store; with `answer` it gives that answer to everybody. */
export function createRememberingStore(answer?: ClaimResult): RememberingStore {
  const seen = new Set<string>()
  const claims: ReplayClaim[] = []
  return {
    name: 'remembering',
    claims,
    claim: (claim) => {
      claims.push(claim)
      const id = Buffer.from(claim.id).toString('hex')
      const result = answer ?? (seen.has(id) ? 'replayed' : 'claimed')
      seen.add(id)
      return result
    },
    issueNonce: () => undefined,
  }
}
