import { type AgentRequest, type Environment, importPublicKey, isRefusal, Refusal } from '@countermark/core'
import { createRecent, isJsonObject, ownMember, thumbprintOf } from '@countermark/core/internal'
import { findAccepted, fitsKey, type JoseAlgorithm } from '../token/jose-algorithm.ts'
import { type CompactJws, headerOf, isText, isTime, type JwsHeader, parseCompactJws } from '../token/jws.ts'
import { createJwsKey, type JwsKey } from '../token/jws-key.ts'
import { normaliseHttpUrl } from './http-url.ts'

/** What a proof must prove (RFC 9449 section 4.3). */
export interface DpopExpectation {
  readonly request: Pick<AgentRequest, 'method' | 'scheme' | 'authority' | 'path'>
  /** The token's `cnf.jkt`; `undefined`: any key. */
  readonly thumbprint: string | undefined
  /** SHA-256 of the token as sent, base64url; `undefined` without a token. */
  readonly tokenHash: string | undefined
}

/** A proof that verified. Whether it is fresh and new is another question. */
export interface DpopProof {
  readonly thumbprint: string
  readonly id: string
  /** Unix seconds. */
  readonly issuedAt: number
  readonly nonce: string | undefined
}

/** Which proofs are taken. */
export interface DpopProofRules {
  readonly algorithms: readonly JoseAlgorithm[]
  readonly allowTestKeys: boolean
}

interface KnownHeader {
  readonly header: JwsHeader
  readonly key: JwsKey
}

const RULES = { maxLength: 4096, code: 'dpop_proof_invalid', noun: 'DPoP proof', allowedKeyMember: 'jwk' } as const
const MAX_KEYS = 10_000
/** Headers that are longer on average are fewer: a caller writes into them what it likes. */
const CHARACTERS_EACH = 512

/** Verifies proofs for one guard, and remembers the keys in their headers, which stay the same from request to request. */
export class DpopProofs {
  readonly #rules: DpopProofRules
  readonly #headers = createRecent<KnownHeader>({
    maxEntries: MAX_KEYS,
    maxCharacters: MAX_KEYS * CHARACTERS_EACH,
  })
  readonly #reading = { ...RULES, findHeader: (text: string) => this.#headers.find(text)?.header }

  constructor(rules: DpopProofRules) {
    this.#rules = rules
  }

  /** @throws Refusal `dpop_proof_invalid`, `token_binding_mismatch` */
  verify(text: string, expected: DpopExpectation, environment: Environment): DpopProof {
    const jws = parseCompactJws(text, this.#reading)
    const { headerText } = jws
    const known = this.#headers.find(headerText)
    const key = known?.key ?? parseKey(jws, expected, this.#rules)
    requireKey(key.thumbprint, expected)
    const proof = checkClaims(jws, key.thumbprint, expected)
    if (!key.verifies(jws, environment)) throw invalid('does not verify')
    if (known === undefined) this.#headers.keep(headerText, { header: headerOf(jws), key })
    return proof
  }
}

function parseKey(jws: CompactJws, expected: DpopExpectation, rules: DpopProofRules): JwsKey {
  if (jws.type !== 'dpop+jwt') throw invalid('must be of type dpop+jwt')
  const algorithm = findAccepted(jws.algorithm, rules.algorithms)
  if (algorithm === undefined) throw invalid('uses another algorithm')
  const jwk = ownMember(jws.header, 'jwk')
  if (!isJsonObject(jwk)) throw invalid('must hold its public key as jwk')
  try {
    // The hash first: a key that is not the token's is not worth importing.
    requireKey(thumbprintOf(jwk), expected)
    const key = importPublicKey(withoutAlgorithm(jwk), { allowTestKeys: rules.allowTestKeys })
    if (fitsKey(algorithm, key.publicKey)) return createJwsKey(algorithm, key)
  } catch (error) {
    if (!isRefusal(error) || error.code !== 'key_invalid') throw error
    throw new Refusal('dpop_proof_invalid', 'the key in the DPoP proof cannot be used', { cause: error })
  }
  throw invalid('has a key that does not fit its algorithm')
}

/** Which algorithm is used, the header says; a second word on it in the JWK decides nothing. */
function withoutAlgorithm({ alg: _alg, ...jwk }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return jwk
}

function requireKey(thumbprint: string, expected: DpopExpectation): void {
  if (expected.thumbprint === undefined || expected.thumbprint === thumbprint) return
  throw new Refusal('token_binding_mismatch', 'the DPoP proof is made with another key than the token is bound to')
}

function checkClaims({ claims }: CompactJws, thumbprint: string, expected: DpopExpectation): DpopProof {
  const [id, method, url, issuedAt, hash, nonce] = ['jti', 'htm', 'htu', 'iat', 'ath', 'nonce'].map((name) =>
    ownMember(claims, name),
  )
  if (!isText(id)) throw invalid('must have a jti of at most 256 characters')
  if (method !== expected.request.method) throw invalid('must name the method of the request as htm')
  if (typeof url !== 'string' || !isSameUrl(url, expected.request)) {
    throw invalid('must name the URL of the request as htu')
  }
  if (!isTime(issuedAt)) throw invalid('must have an iat')
  if (!(nonce === undefined || isText(nonce))) throw invalid('must hold its nonce as a string')
  if (expected.tokenHash !== undefined && hash !== expected.tokenHash) {
    throw new Refusal('token_binding_mismatch', 'the DPoP proof must hold the hash of this token as ath')
  }
  return { thumbprint, id, issuedAt, nonce }
}

function isSameUrl(given: string, { scheme, authority, path }: DpopExpectation['request']): boolean {
  const requested = `${scheme}://${authority}${path}`
  if (given === requested) return true
  const normalised = normaliseHttpUrl(given)
  return normalised !== undefined && normalised === normaliseHttpUrl(requested)
}

function invalid(why: string): Refusal {
  return new Refusal('dpop_proof_invalid', `the DPoP proof ${why}`)
}
