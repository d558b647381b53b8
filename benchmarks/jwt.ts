import { type KeyObject, sign } from 'node:crypto'

/** Algorithms of tokens and proofs. */
export type JwtAlgorithm = 'EdDSA' | 'ES256' | 'RS256'

/** The members of a header that are used here (RFC 7515 section 4.1). */
export interface JwtHeader {
  readonly alg: JwtAlgorithm
  readonly typ: string
  readonly kid?: string
  readonly jwk?: Readonly<Record<string, string>>
}

/** A JWT as issuers and clients make them (RFC 7519). */
export function signJwt(header: JwtHeader, claims: object, key: KeyObject): string {
  const signingInput = `${encode(header)}.${encode(claims)}`
  const digest = header.alg === 'EdDSA' ? null : 'sha256'
  const signature = sign(digest, Buffer.from(signingInput), { key, dsaEncoding: 'ieee-p1363' })
  return `${signingInput}.${signature.toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
