import { body, capabilityRules, requireCapability } from '@countermark/capability'
import type { Check, GuardOptions } from '@countermark/core'
import { type DpopOptions, verifyDelegation } from '@countermark/delegation'
import { staticKeys } from '@countermark/keys'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { type VerifySignatureOptions, verifySignature } from '@countermark/signature'
import { AUDIENCE, AUTHORITY, type BenchIdentity, ISSUER } from '../identity.ts'

/** Options that all guarded variants share. All requests come from one address, which a limit would soon refuse unread. */
export const GUARD_OPTIONS: GuardOptions = { origins: [`http://${AUTHORITY}`], sourceLimit: 'off' }

/** Checks of one guard, in their order. */
export type CreateChecks = (
  identity: BenchIdentity,
  options?: Partial<VerifySignatureOptions>,
) => readonly Check<object, object>[]

/** Signature, digest and replay, as the README sets them up. */
export const createSignatureChecks: CreateChecks = ({ agentId, agentKey, agentEcKey }, options = {}) => {
  const keys =
    options.keys ??
    staticKeys(
      [agentKey, agentEcKey].map(({ thumbprint, publicJwk }) => ({ agentId, keyId: thumbprint, key: publicJwk })),
    )
  return [verifySignature({ keys, ...options }), preventReplay({ store: createStore() }) as Check<object, object>]
}

/** Signature, digest, replay, a remembered delegation token, and a capability with two limits: `allowed_methods` and network. */
export const createFullChecks: CreateChecks = (identity, options) => [
  ...createSignatureChecks(identity, options),
  createDelegationCheck(identity),
  requireCapability('orders:read', {}, capabilityRules()) as Check<object, object>,
]

/** The same for a request with content: `max_amount`, which is read from the body, and network. */
export const createFullBodyChecks: CreateChecks = (identity, options) => [
  ...createSignatureChecks(identity, options),
  createDelegationCheck(identity),
  requireCapability(
    'orders:write',
    { amount: body('/amount'), currency: body('/currency') },
    capabilityRules(),
  ) as Check<object, object>,
]

/** A token that is bound to nothing, and remembered when it comes again. */
export const createBearerChecks: CreateChecks = (identity) => [createDelegationCheck(identity)]

/** A token bound to a key, with a DPoP proof for each request. */
export const createDpopChecks: CreateChecks = (identity) => [
  createDelegationCheck(identity, { store: createStore(), maxAgeSeconds: 300 }),
]

/** A bearer token, of which so many are remembered. */
export function createManyTokensChecks(identity: BenchIdentity, rememberedTokens: number): ReturnType<CreateChecks> {
  return [createDelegationCheck(identity, undefined, rememberedTokens)]
}

function createDelegationCheck(
  identity: BenchIdentity,
  dpop?: DpopOptions,
  rememberedTokens?: number,
): Check<object, object> {
  const keys = [
    { ...identity.issuerKey.publicJwk, kid: 'ed-1', alg: 'EdDSA' },
    { ...identity.issuerRsaKey.publicJwk, kid: 'rsa-1', alg: 'RS256' },
  ]
  return verifyDelegation({
    issuers: [{ issuer: ISSUER, keys: { jwks: { keys } } }],
    audience: AUDIENCE,
    requirePoP: false,
    ...(dpop === undefined ? {} : { dpop }),
    ...(rememberedTokens === undefined ? {} : { rememberedTokens }),
  })
}

function createStore(): ReturnType<typeof memoryReplayStore> {
  return memoryReplayStore({
    allowSingleProcess: true,
    maxClaimsPerKey: 5_000_000,
    maxClaims: 5_000_000,
    startedAt: Date.now() - 60_000,
  })
}
