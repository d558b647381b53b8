import { type AgentRequest, type Environment, type ProofFact, Refusal } from '@countermark/core'
import { after } from './after.ts'
import type { FindCertificateHash } from './client-certificate.ts'
import type { Dpop } from './dpop.ts'
import type { PresentedToken } from './presented-token.ts'
import type { VerifiedToken } from './verified-token.ts'

/** What proved that the caller is whom the token was issued to; `none`: it need not be proven. */
export type Possession = 'signature' | 'dpop' | 'mtls' | 'none'

/** How possession may be proven. */
export interface PossessionRules {
  readonly requirePoP: boolean
  readonly httpSignatureForJkt: boolean
  readonly dpop: Dpop | undefined
  readonly findCertificateHash: FindCertificateHash
}

/** A token together with the request it came with. */
export interface PresentedCall {
  readonly request: AgentRequest
  readonly presented: PresentedToken
  /** A signature that covers the token. */
  readonly proof: ProofFact | undefined
}

/**
 * Decides by the table of profile section 9.6: what the token is bound to, under which scheme it came, what was proven. A
 * bound token never counts as a bearer's, and a proof next to an unbound token proves nothing.
 * @throws {@link Refusal} `token_binding_mismatch`, `dpop_proof_invalid`, `dpop_nonce_required`, `replay_detected`
 */
export function provePossession(
  token: VerifiedToken,
  call: PresentedCall,
  rules: PossessionRules,
  environment: Environment,
): Possession | Promise<Possession> {
  const { binding } = token
  const { presented, proof } = call
  if (binding.kind === 'jkt') return proveJkt(binding.thumbprint, call, rules, environment)
  if (presented.scheme === 'dpop' && presented.field === 'authorization') {
    throw mismatch('only a token that is bound by cnf.jkt may come under the scheme DPoP')
  }
  if (binding.kind === 'none') {
    if (proof !== undefined) return 'signature'
    if (rules.requirePoP) throw mismatch('the token is bound to no key; sign the request')
    return 'none'
  }
  if (binding.kind === 'x5t#S256') {
    if (rules.findCertificateHash(call.request) === binding.certificateHash) return 'mtls'
    throw mismatch('the token is bound to a client certificate that this connection does not show')
  }
  if (proof?.thumbprint === binding.thumbprint) return 'signature'
  throw mismatch('the token is bound to a key; sign the request with it')
}

/** RFC 9449 section 7.2: a token bound by `jkt` is refused as a bearer's. */
function proveJkt(
  thumbprint: string,
  { request, presented, proof }: PresentedCall,
  { dpop, httpSignatureForJkt }: PossessionRules,
  environment: Environment,
): Possession | Promise<Possession> {
  const isSigned = httpSignatureForJkt && proof?.scheme === 'httpsig' && proof.thumbprint === thumbprint
  if (isSigned && presented.scheme === 'bearer') return 'signature'
  if (presented.scheme === 'bearer') throw mismatch('the token must come under the scheme DPoP, with a proof')
  if (dpop === undefined) throw mismatch('DPoP is not taken here')
  return after(dpop.prove({ request, tokenHash: presented.hash, thumbprint }, environment), () => 'dpop' as const)
}

function mismatch(message: string): Refusal {
  return new Refusal('token_binding_mismatch', message)
}
