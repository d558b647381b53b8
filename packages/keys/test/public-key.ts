import { createHash, generateKeyPairSync } from 'node:crypto'

/** A public key in every form that people have. */
export interface PublicKeyForms {
  readonly jwk: Readonly<Record<string, unknown>>
  readonly pem: string
  /** 32 bytes in base64. */
  readonly raw: string
  readonly thumbprint: string
}

/** A new Ed25519 key. */
export function createPublicKey(): PublicKeyForms {
  const { publicKey } = generateKeyPairSync('ed25519')
  const { crv, kty, x = '' } = publicKey.export({ format: 'jwk' })
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')
  return {
    jwk: { kty, crv, x },
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    raw: Buffer.from(x, 'base64url').toString('base64'),
    thumbprint,
  }
}

/** Under this key anybody can sign. */
export const SMALL_ORDER_JWK = { kty: 'OKP', crv: 'Ed25519', x: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } as const
