import type { Check, GuardOptions } from '@countermark/core'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { type VerifySignatureOptions, verifySignature } from '@countermark/signature'
import { AUTHORITY, type BenchIdentity } from '../requests.ts'

/** What all guarded variants share: signature, digest and replay, as the README sets them up. */
export function createChecks(
  identity: BenchIdentity,
  options: Partial<VerifySignatureOptions> = {},
): readonly [Check<object, object>, Check<object, object>] {
  const keys = staticKeys([{ agentId: identity.agentId, keyId: identity.keyId, key: identity.publicJwk }])
  const store = memoryReplayStore({
    allowSingleProcess: true,
    maxClaimsPerKey: 5_000_000,
    maxClaims: 5_000_000,
    startedAt: Date.now() - 60_000,
  })
  return [verifySignature({ keys, ...options }), preventReplay({ store }) as Check<object, object>]
}

/** Options that all guarded variants share. */
export const GUARD_OPTIONS: GuardOptions = { authorities: [AUTHORITY] }
