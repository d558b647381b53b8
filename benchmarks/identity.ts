import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { signJwt } from './jwt.ts'

/** A key pair as two JWKs, with the thumbprint of the key (RFC 7638). */
export interface BenchKey {
  readonly privateJwk: Jwk
  readonly publicJwk: Jwk
  readonly thumbprint: string
}

/** Keys, names and tokens that servers and load share; written to a file for the servers. */
export interface BenchIdentity {
  readonly agentId: string
  /** The agent's key for signatures and proofs. */
  readonly agentKey: BenchKey
  /** Another one of the agent's, for proofs that peers take. */
  readonly agentEcKey: BenchKey
  readonly issuerKey: BenchKey
  readonly issuerRsaKey: BenchKey
  readonly tokens: BenchTokens
}

/** Tokens that are the same in every request. */
export interface BenchTokens {
  /** RS256, bound to nothing. */
  readonly bearer: string
  /** EdDSA, bound to the agent's key, with two limits for each scope. */
  readonly delegation: string
  /** EdDSA, bound to the agent's key by `jkt`. */
  readonly dpop: string
  /** RS256, bound to the agent's other key by `jkt`. */
  readonly dpopEs256: string
}

type Jwk = Readonly<Record<string, string>>

/** Who the servers are; the load names it in `Host`. */
export const AUTHORITY = 'api.example.com'
/** Whose tokens count. */
export const ISSUER = 'https://issuer.example/'
/** For whom they are meant. */
export const AUDIENCE = 'https://api.example.com'

/** Makes everything anew, for one run. */
export function createIdentity(): BenchIdentity {
  const agentKey = toBenchKey(generateKeyPairSync('ed25519'))
  const agentEcKey = toBenchKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  const issuerKey = toBenchKey(generateKeyPairSync('ed25519'))
  const issuerRsaKey = toBenchKey(generateKeyPairSync('rsa', { modulusLength: 2048 }))
  return {
    agentId: 'agt_bench',
    agentKey,
    agentEcKey,
    issuerKey,
    issuerRsaKey,
    tokens: createTokens({ agentKey, agentEcKey, issuerKey, issuerRsaKey }),
  }
}

/** A private key ready for use. */
export function privateKeyOf({ privateJwk }: BenchKey): KeyObject {
  return createPrivateKey({ key: privateJwk, format: 'jwk' })
}

/** Claims of an access token of RFC 9068, delegated to the agent. */
export function tokenClaims(tokenId: string, more: object = {}): object {
  const now = Math.floor(Date.now() / 1000)
  const times = { iat: now, exp: now + 3600 }
  const names = { iss: ISSUER, sub: 'user_123', aud: AUDIENCE, client_id: 'agt_bench', act: { sub: 'agt_bench' } }
  return { ...names, ...times, jti: tokenId, scope: 'orders:read orders:write', ...more }
}

const LIMITS = [
  { actions: ['orders:read'], constraints: { allowed_methods: ['GET'], ip_ranges_allowed: ['127.0.0.0/8'] } },
  {
    actions: ['orders:write'],
    constraints: { max_amount: { value: 5000, currency: 'EUR' }, ip_ranges_allowed: ['127.0.0.0/8'] },
  },
]

type Keys = Pick<BenchIdentity, 'agentKey' | 'agentEcKey' | 'issuerKey' | 'issuerRsaKey'>

function createTokens({ agentKey, agentEcKey, issuerKey, issuerRsaKey }: Keys): BenchTokens {
  const details = LIMITS.map((limit) => ({ type: 'urn:agent-auth:capability:1', ...limit }))
  const byEd = (claims: object): string =>
    signJwt({ alg: 'EdDSA', typ: 'at+jwt', kid: 'ed-1' }, claims, privateKeyOf(issuerKey))
  const byRsa = (claims: object): string =>
    signJwt({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa-1' }, claims, privateKeyOf(issuerRsaKey))
  return {
    bearer: byRsa(tokenClaims('bearer')),
    delegation: byEd(tokenClaims('delegation', { cnf: { jwk: agentKey.publicJwk }, authorization_details: details })),
    dpop: byEd(tokenClaims('dpop', { cnf: { jkt: agentKey.thumbprint } })),
    dpopEs256: byRsa(tokenClaims('dpop-es256', { cnf: { jkt: agentEcKey.thumbprint } })),
  }
}

/** A key pair of node:crypto as two JWKs. */
export function toBenchKey({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): BenchKey {
  const publicJwk = toJwk(publicKey)
  const members = ['crv', 'e', 'kty', 'n', 'x', 'y'].filter((name) => publicJwk[name] !== undefined)
  const canonical = JSON.stringify(Object.fromEntries(members.map((name) => [name, publicJwk[name]])))
  const thumbprint = createHash('sha256').update(canonical).digest('base64url')
  return { privateJwk: toJwk(privateKey), publicJwk, thumbprint }
}

function toJwk(key: KeyObject): Jwk {
  return key.export({ format: 'jwk' }) as Record<string, string>
}
