import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { CompactSign, exportJWK, type JWK } from 'jose'
import type { IssuerOptions } from '../src/issuers/issuer-options.ts'

/** Claims or header members; `undefined` leaves one out. */
export type Members = Readonly<Record<string, unknown>>

/** An issuer whose tokens are minted by jose. */
export interface TestIssuer {
  readonly issuer: string
  readonly algorithm: string
  readonly keyId: string
  readonly privateKey: KeyObject
  readonly jwks: { readonly keys: readonly JWK[] }
  /** How a verifier is told about it. */
  readonly options: (changes?: Partial<IssuerOptions>) => IssuerOptions
  readonly mint: (claims?: Members, header?: Members) => Promise<string>
  /** The same with a payload as given, byte for byte. */
  readonly mintRaw: (payload: string, header?: Members) => Promise<string>
}

/** 2026-01-01T00:00:00Z, when fake clocks begin. */
export const NOW = 1_767_225_600

export const AUDIENCE = 'https://api.example.com'

const PAIRS: Readonly<Record<string, () => KeyObject>> = {
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
}

/** What an honest token says: user_17 lets agt_buyer read and write orders for ten minutes. */
export const CLAIMS: Members = {
  sub: 'user_17',
  aud: AUDIENCE,
  client_id: 'agt_buyer',
  iat: NOW,
  exp: NOW + 600,
  jti: 'dlg_1',
  scope: 'orders:read orders:write',
  act: { sub: 'agt_buyer' },
}

/** Creates an issuer with a key of its own. */
export async function createTestIssuer(algorithm = 'EdDSA', issuer = 'https://auth.example.com'): Promise<TestIssuer> {
  const privateKey = PAIRS[algorithm]?.() ?? createPrivateKey('')
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicJwk } = await exportJWK(privateKey)
  const keyId = `${algorithm}-1`
  const jwks = { keys: [{ ...publicJwk, kid: keyId, alg: algorithm, use: 'sig' }] }
  const mintRaw = (payload: string, header: Members = {}): Promise<string> =>
    new CompactSign(Buffer.from(payload))
      .setProtectedHeader(defined({ alg: algorithm, kid: keyId, typ: 'at+jwt', ...header }) as { alg: string })
      .sign(privateKey)
  return {
    issuer,
    algorithm,
    keyId,
    privateKey,
    jwks,
    options: (changes = {}) => ({ issuer, keys: { jwks }, ...changes }),
    mint: (claims = {}, header = {}) => mintRaw(JSON.stringify({ iss: issuer, ...CLAIMS, ...claims }), header),
    mintRaw,
  }
}

function defined(members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
