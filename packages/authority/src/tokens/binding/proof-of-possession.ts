import { type AgentRequest, type Environment, isRefusal, type ReplayStore } from '@countermark/core'
import type { JsonObject } from '@countermark/core/internal'
import { Dpop } from '@countermark/delegation/internal'
import { OAuthError, toOAuthError } from '../oauth-error.ts'

/** How a token is bound to its holder, and how it is sent (RFC 7800). */
export interface Binding {
  readonly confirmation: JsonObject
  readonly thumbprint: string
  readonly tokenType: 'DPoP' | 'Bearer'
  /** The key that the client proved itself with: a stop of it ends the token, too. */
  readonly clientThumbprint: string
}

/** Binds tokens to keys. */
export interface ProofOfPossession {
  /** To the key of the DPoP proof that came along; `undefined` when none came. @throws OAuthError `invalid_dpop_proof`, `use_dpop_nonce` */
  readonly findProven: (request: AgentRequest, clientThumbprint?: string) => Promise<Binding | undefined>
  /** The value of `DPoP-Nonce`, with which a client may answer. */
  readonly issueNonce: () => string | undefined
  readonly algorithms: readonly string[]
}

/** Prepares the check of proofs (RFC 9449 section 5). Each counts once. */
export function createProofOfPossession(replay: ReplayStore, environment: Environment): ProofOfPossession {
  const dpop = new Dpop({ store: replay, algorithms: ['EdDSA', 'ES256'] }, false)
  return {
    algorithms: dpop.algorithmNames.split(' '),
    issueNonce: () => dpop.issueNonce(environment),
    findProven: async (request, clientThumbprint) => {
      if (!request.headers.has('dpop')) return undefined
      if (request.headers.only('dpop') === undefined) throw new OAuthError('invalid_dpop_proof', 'send one DPoP proof')
      const thumbprint = await verify(dpop, request, environment)
      const confirmation = { jkt: thumbprint }
      return { confirmation, thumbprint, tokenType: 'DPoP', clientThumbprint: clientThumbprint ?? thumbprint }
    },
  }
}

async function verify(dpop: Dpop, request: AgentRequest, environment: Environment): Promise<string> {
  try {
    return await dpop.verify({ request, thumbprint: undefined, tokenHash: undefined }, environment)
  } catch (error) {
    const needsNonce = isRefusal(error) && error.code === 'dpop_nonce_required'
    throw toOAuthError(error, needsNonce ? 'use_dpop_nonce' : 'invalid_dpop_proof')
  }
}

/** To the key that the client proved itself with: requests with the token are signed with it. */
export function bindToKey({
  publicKey,
  thumbprint,
}: {
  readonly publicKey: { readonly export: (options: { readonly format: 'jwk' }) => object }
  readonly thumbprint: string
}): Binding {
  const { kty, crv, x, y, n, e } = publicKey.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)
  const confirmation = { jwk: Object.fromEntries(members) }
  return { confirmation, thumbprint, tokenType: 'Bearer', clientThumbprint: thumbprint }
}
