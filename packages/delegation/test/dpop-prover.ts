import { createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { thumbprintOf } from '@countermark/core/internal'
import { CompactSign } from 'jose'
import type { Members } from './token-issuer.ts'

/** A client with a key that makes DPoP proofs with jose. */
export interface DpopProver {
  readonly thumbprint: string
  readonly jwk: Members
  readonly privateKey: KeyObject
  /** A proof for `GET https://api.example.com/orders` with a token, unless told otherwise. */
  readonly prove: (input: ProofInput) => Promise<string>
}

/** What a proof says. */
export interface ProofInput {
  readonly token: string
  /** Unix seconds. */
  readonly at: number
  readonly claims?: Members
  readonly header?: Members
  /** Signs instead of the key in the header. */
  readonly signWith?: KeyObject
}

/** Creates a prover with a key of its own. */
export function createDpopProver(type: 'ed25519' | 'P-256' = 'ed25519'): DpopProver {
  const { privateKey } =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk: Members = { ...createPublicKey(privateKey).export({ format: 'jwk' }) }
  const algorithm = type === 'ed25519' ? 'EdDSA' : 'ES256'
  return {
    jwk,
    thumbprint: thumbprintOf(jwk),
    privateKey,
    prove: ({ token, at, claims = {}, header = {}, signWith = privateKey }) => {
      const payload = {
        jti: `proof-${Math.random()}`,
        htm: 'GET',
        htu: 'https://api.example.com/orders',
        iat: at,
        ath: hash('sha256', token, 'base64url'),
        ...claims,
      }
      return new CompactSign(Buffer.from(JSON.stringify(payload)))
        .setProtectedHeader({ typ: 'dpop+jwt', alg: algorithm, jwk, ...header })
        .sign(signWith)
    },
  }
}
