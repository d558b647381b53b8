import { createHash, createPrivateKey, randomUUID } from 'node:crypto'
import type { TestAgent } from '@countermark/testing'
import { SignJWT } from 'jose'
import type { Claims } from './issuer.ts'

/** What a proof is for. */
export interface ProofInput {
  readonly method: string
  readonly url: string
  readonly token: string
  readonly nonce?: string | undefined
  /** Claims that are to be different. */
  readonly claims?: Claims | undefined
}

/** Makes a DPoP proof (RFC 9449 section 4.2) with the agent's key, by jose alone. */
export function proveByDpop({ publicJwk, privateJwk }: TestAgent, input: ProofInput): Promise<string> {
  const { method, url, token, nonce, claims = {} } = input
  const payload = {
    jti: randomUUID(),
    htm: method,
    htu: url,
    iat: Math.floor(Date.now() / 1000),
    ath: createHash('sha256').update(token).digest('base64url'),
    ...(nonce === undefined ? {} : { nonce }),
    ...claims,
  }
  return new SignJWT(payload)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: publicJwk })
    .sign(createPrivateKey({ key: privateJwk, format: 'jwk' }))
}
