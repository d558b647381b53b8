import type { JsonObject } from '@countermark/core/internal'
import type { SigningKeys } from '../../signing-keys/signing-keys.ts'

/** The authority's keys, as far as tokens need them. */
export type TokenKeys = Pick<SigningKeys, 'findSigner' | 'listPublicKeys'>

/** Signs a JWT (RFC 7519) with the key of now. */
export async function signJwt(keys: TokenKeys, type: string, claims: JsonObject): Promise<string> {
  const { kid, algorithm, sign } = await keys.findSigner()
  const input = `${encode({ alg: algorithm, typ: type, kid })}.${encode(claims)}`
  const signature = await sign(Buffer.from(input, 'latin1'))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
