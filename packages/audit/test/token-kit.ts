import { createPublicKey, generateKeyPairSync, hash, type KeyObject, randomUUID, sign } from 'node:crypto'
import { thumbprintOf } from '@countermark/core/internal'
import type { IssuerOptions } from '@countermark/delegation'

/** Members of a token or a proof. */
export type Members = Readonly<Record<string, unknown>>

/** Somebody who issues tokens for `agt_buyer`, acting for `user_17`. */
export interface TokenKit {
  readonly options: IssuerOptions
  readonly mint: (claims?: Members) => string
}

/** Somebody who makes DPoP proofs. */
export interface Prover {
  readonly thumbprint: string
  readonly prove: (input: { readonly token: string; readonly method: string; readonly claims?: Members }) => string
}

/** Who we are in tokens and proofs. */
export const AUDIENCE = 'https://api.example.com'

/** Creates an issuer with a key of its own. */
export function createTokenKit(): TokenKit {
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid: 'issuer-1', alg: 'EdDSA' }
  const issuer = 'https://auth.example.com'
  return {
    options: { issuer, keys: { jwks: { keys: [jwk] } } },
    mint: (claims = {}) => {
      const now = Math.floor(Date.now() / 1000)
      const standing = { iss: issuer, sub: 'user_17', aud: AUDIENCE, client_id: 'agt_buyer', act: { sub: 'agt_buyer' } }
      const times = { iat: now, exp: now + 600, jti: randomUUID() }
      return compact({ alg: 'EdDSA', kid: 'issuer-1', typ: 'at+jwt' }, { ...standing, ...times, ...claims }, privateKey)
    },
  }
}

/** Creates a prover with a key of its own. */
export function createProver(): Prover {
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk: Members = { ...createPublicKey(privateKey).export({ format: 'jwk' }) }
  return {
    thumbprint: thumbprintOf(jwk),
    prove: ({ token, method, claims = {} }) => {
      const stated = { htm: method, htu: 'https://api.example.com/orders/7', ath: hash('sha256', token, 'base64url') }
      const payload = { jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...stated, ...claims }
      return compact({ typ: 'dpop+jwt', alg: 'EdDSA', jwk }, payload, privateKey)
    },
  }
}

function compact(header: Members, payload: Members, key: KeyObject): string {
  const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
}
