import type { Check, ReplayStore } from '@countermark/core'
import { type StaticKey, staticKeys } from '@countermark/keys'
import { preventReplay } from '@countermark/replay'
import { httpSignatures, verifySignature } from '@countermark/signature'
import type { Suite } from '../../../signature/test/conformance/vector.ts'
import { type VerifyDelegationOptions, verifyDelegation } from '../../src/index.ts'

/** What a suite of attacks asks for: the checks that make up its policy. */
export type TokenProfile = 'delegation' | 'dpop' | 'both'

/** The policies that the suites state for themselves. */
export function createTokenChecks(profile: TokenProfile, setup: Suite['setup'], store: ReplayStore): readonly Check[] {
  const agents = staticKeys(keysOf(setup))
  const issuers = setup.issuers.map(({ iss, jwks }: { iss: string; jwks: { keys: [] } }) => ({
    issuer: iss,
    keys: { jwks },
    types: ['at+jwt', 'delegation+jwt', 'JWT'],
    algorithms: ['EdDSA', 'ES256', 'RS256'],
    requiredClaims: [],
    maxLifetimeSeconds: 86_400,
  }))
  const shared: VerifyDelegationOptions = { issuers, audience: setup.audience, agents }
  if (profile === 'delegation') return [verifyDelegation({ ...shared, requirePoP: false }) as Check]
  if (profile === 'dpop') return [verifyDelegation({ ...shared, dpop: { store } }) as Check]
  const accept = [httpSignatures({ tags: 'any', expires: 'optional', futureSkewSeconds: 60 })]
  return [
    verifySignature({ keys: agents, accept }),
    preventReplay({ store }) as Check,
    verifyDelegation({ ...shared, httpSignatureForJkt: true }) as Check,
  ]
}

function keysOf(setup: Suite['setup']): readonly StaticKey[] {
  const active = setup.agents.flatMap(({ agent_id, keys }: { agent_id: string; keys: { kid: string }[] }) =>
    keys.map((key) => ({ agentId: agent_id, keyId: key.kid, key: { ...key } })),
  )
  const retired = (setup.retired_keys ?? []).map(
    ({ agent_id, key, not_after }: { agent_id: string; key: { kid: string }; not_after: number }) => ({
      agentId: agent_id,
      keyId: key.kid,
      key: { ...key },
      notAfter: not_after,
    }),
  )
  return [...active, ...retired]
}
