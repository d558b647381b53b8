import {
  type AgentRequest,
  type Environment,
  importPublicKey,
  isRefusal,
  type ProofFact,
  Refusal,
} from '@countermark/core'
import {
  type ImportedKey,
  type ImportPublicKey,
  isJsonObject,
  isSafeMethod,
  type JsonObject,
  ownMember,
  then,
} from '@countermark/core/internal'
import type { PresentedToken } from '../token/presented-token.ts'
import type { Dpop } from './dpop.ts'
import type { FindCertificateHash } from './mtls.ts'

/** The key that a token is bound to (RFC 7800). */
export type Confirmation =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'jwk' | 'kid' | 'jkt'
      /** JWK SHA-256 thumbprint, base64url. */
      readonly thumbprint: string
      /** Known where the token holds the key itself. */
      readonly key: ImportedKey | undefined
    }
  | {
      readonly kind: 'x5t#S256'
      /** SHA-256 of the certificate in DER, base64url. */
      readonly certificateHash: string
    }

/** Members that name a key; RFC 7800 section 3.1 allows one of them. Those that are not understood count as well. */
const KEY_MEMBERS = ['jwk', 'jwe', 'kid', 'jku', 'jkt', 'x5t#S256']

const NONE: Confirmation = Object.freeze({ kind: 'none' })
const SHA256 = /^[A-Za-z0-9_-]{43}$/

/**
 * Reads `cnf`. A binding that is not understood is not ignored.
 * @throws {@link Refusal} `token_binding_mismatch`, `token_invalid`
 */
export function parseConfirmation(
  claims: JsonObject,
  allowTestKeys: boolean,
  importKey: ImportPublicKey = importPublicKey,
): Confirmation {
  if (!Object.hasOwn(claims, 'cnf')) return NONE
  const cnf = ownMember(claims, 'cnf')
  if (!isJsonObject(cnf)) throw invalid('has a cnf that is no object')
  const [kind, ...more] = KEY_MEMBERS.filter((member) => Object.hasOwn(cnf, member))
  if (kind === undefined || more.length > 0) throw invalid('must be bound to exactly one key')
  const value = ownMember(cnf, kind)
  if (kind === 'jwk' && isJsonObject(value)) return bindToKey(importKey, value, allowTestKeys)
  if (typeof value !== 'string' || !SHA256.test(value)) throw invalid('is bound in a way that is not understood')
  if (kind === 'kid' || kind === 'jkt') return Object.freeze({ kind, thumbprint: value, key: undefined })
  if (kind === 'x5t#S256') return Object.freeze({ kind, certificateHash: value })
  throw invalid('is bound in a way that is not understood')
}

function bindToKey(importKey: ImportPublicKey, jwk: JsonObject, allowTestKeys: boolean): Confirmation {
  try {
    const key = importKey(jwk, { allowTestKeys })
    return Object.freeze({ kind: 'jwk', thumbprint: key.thumbprint, key })
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new Refusal('token_invalid', 'the token is bound to a key that cannot be used', { cause: error })
  }
}

function invalid(why: string): Refusal {
  return new Refusal('token_binding_mismatch', `the token ${why}`)
}

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
  readonly environment: Environment
}

/**
 * Decides by the table of profile section 9.6: what the token is bound to, under which scheme it came, what was proven. A
 * bound token never counts as a bearer's, and a proof next to an unbound token proves nothing.
 * @throws {@link Refusal} `token_binding_mismatch`, `dpop_proof_invalid`, `dpop_nonce_required`, `replay_detected`
 */
export function verifyPossession(
  confirmation: Confirmation,
  call: PresentedCall,
  rules: PossessionRules,
): Possession | Promise<Possession> {
  const { presented, proof, request } = call
  if (confirmation.kind === 'jkt') return verifyJkt(confirmation.thumbprint, call, rules)
  if (presented.scheme === 'dpop' && presented.field === 'authorization') {
    throw unproven('only a token that is bound by cnf.jkt may come under the scheme DPoP')
  }
  if (confirmation.kind === 'none') {
    if (proof !== undefined) return 'signature'
    if (rules.requirePoP) throw unproven('the token is bound to no key; sign the request')
    return 'none'
  }
  if (confirmation.kind === 'x5t#S256') {
    if (rules.findCertificateHash(request) === confirmation.certificateHash) return 'mtls'
    throw unproven('the token is bound to a client certificate that this connection does not show')
  }
  if (proof?.thumbprint === confirmation.thumbprint) return 'signature'
  throw unproven('the token is bound to a key; sign the request with it')
}

/** RFC 9449 section 7.2: a token bound by `jkt` is refused as a bearer's. */
function verifyJkt(
  thumbprint: string,
  { request, presented, proof, environment }: PresentedCall,
  { dpop, httpSignatureForJkt }: PossessionRules,
): Possession | Promise<Possession> {
  const isSigned = httpSignatureForJkt && proof?.scheme === 'httpsig' && proof.thumbprint === thumbprint
  if (isSigned && presented.scheme === 'bearer') return 'signature'
  if (presented.scheme === 'bearer') throw unproven('the token must come under the scheme DPoP, with a proof')
  if (dpop === undefined) throw unproven('DPoP is not taken here')
  return then(dpop.verify({ request, tokenHash: presented.hash, thumbprint }, environment), () => 'dpop' as const)
}

/**
 * Refuses a change that a page of another origin may have caused: browsers send cookies, certificates and passwords by
 * themselves, signatures and DPoP proofs they do not.
 * @throws {@link Refusal} `scheme_not_allowed`
 */
export function requireDeliberate({ presented, request }: PresentedCall, possession: Possession): void {
  if (presented.field !== 'other' || isSafeMethod(request.method)) return
  if (possession === 'signature' || possession === 'dpop') return
  if (presented.places.some((place) => place !== 'cookie')) return
  const message = 'a token that browsers send by themselves changes nothing: sign the request, or send a DPoP proof'
  throw new Refusal('scheme_not_allowed', message, { credential: 'token' })
}

function unproven(message: string): Refusal {
  return new Refusal('token_binding_mismatch', message)
}
