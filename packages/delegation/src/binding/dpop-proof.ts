import { type AgentRequest, type Environment, importPublicKey, isRefusal, Refusal } from '@countermark/core'
import { isJsonObject, ownMember, thumbprintOf } from '@countermark/core/internal'
import { LRUCache } from 'lru-cache'
import { type CompactJws, headerOf, isTime, type JwsHeader, parseCompactJws } from '../token/jws.ts'
import {
  createJwsKey,
  fitsKey,
  type JoseAlgorithm,
  type JwsKey,
  toJoseAlgorithm,
  verifyJwsSignature,
} from '../token/jws-key.ts'

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
const MAX_TEXT = 256

/** Verifies proofs for one guard, and remembers the keys in their headers, which stay the same from request to request. */
export class DpopProofs {
  readonly #rules: DpopProofRules
  readonly #headers = new LRUCache<string, KnownHeader>({ max: MAX_KEYS, maxSize: MAX_KEYS * CHARACTERS_EACH })
  readonly #reading = { ...RULES, findHeader: (text: string) => this.#headers.get(text)?.header }

  constructor(rules: DpopProofRules) {
    this.#rules = rules
  }

  /** @throws Refusal `dpop_proof_invalid`, `token_binding_mismatch` */
  verify(text: string, expected: DpopExpectation, environment: Environment): DpopProof {
    const jws = parseCompactJws(text, this.#reading)
    const { headerText } = jws
    const known = this.#headers.get(headerText)
    const key = known?.key ?? parseKey(jws, expected, this.#rules)
    requireKey(key.thumbprint, expected)
    const proof = checkClaims(jws, key.thumbprint, expected)
    if (!verifyJwsSignature(key, jws, environment)) throw invalid('does not verify')
    if (known === undefined) this.#headers.set(headerText, { header: headerOf(jws), key }, { size: headerText.length })
    return proof
  }
}

function parseKey(jws: CompactJws, expected: DpopExpectation, rules: DpopProofRules): JwsKey {
  if (jws.type !== 'dpop+jwt') throw invalid('must be of type dpop+jwt')
  const algorithm = toJoseAlgorithm(jws.algorithm)
  if (algorithm === undefined || !rules.algorithms.includes(algorithm)) throw invalid('uses another algorithm')
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
  if (!isText(id)) throw invalid(`must have a jti of at most ${MAX_TEXT} characters`)
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

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT
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

/** `scheme://authority` and path. Userinfo, query and fragment are read over. */
const HTTP_URL = /^(https?):\/\/(?:[^/?#@]*@)?([^/?#@]+)([^?#]*)/i
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/i
const DEFAULT_PORT: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * An http URL without query and fragment, in the normal form of RFC 3986 sections 6.2.2.1, 6.2.2.2 and 6.2.3, as RFC 9449
 * section 4.3 compares them. Dot segments stay: routers do not remove them, so `/a/../b` is not `/b`. `undefined` for
 * what is no such URL.
 */
export function normaliseHttpUrl(text: string): string | undefined {
  const [, givenScheme = '', authority = '', path = ''] = HTTP_URL.exec(text) ?? []
  const [, givenHost = '', port] = HOST.exec(authority) ?? []
  const scheme = givenScheme.toLowerCase()
  const host = normaliseHost(givenHost)
  if (scheme === '' || host === undefined || !(Number(port ?? 0) <= 65_535)) return undefined
  const isDefault = port === undefined || port === DEFAULT_PORT[scheme]
  const normalPath = normalisePath(path === '' ? '/' : path)
  return normalPath === undefined ? undefined : `${scheme}://${host}${isDefault ? '' : `:${port}`}${normalPath}`
}

function normaliseHost(host: string): string | undefined {
  if (!host.startsWith('[')) return host === '' ? undefined : host.toLowerCase()
  return URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`).hostname : undefined
}

const PLAIN_PATH = /^[A-Za-z0-9/_.~!$&'()*+,;=:@-]*$/
const ENCODED_PATH = /^(?:[A-Za-z0-9/_.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*$/

function normalisePath(path: string): string | undefined {
  if (PLAIN_PATH.test(path)) return path
  if (!ENCODED_PATH.test(path)) return undefined
  return path.replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(character) ? character : encoded.toUpperCase()
  })
}
