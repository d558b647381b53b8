import type { JsonObject } from '@countermark/core/internal'
import type { AuthoritySigner, SigningKeys } from '../../signing-keys/signing-keys.ts'

/** The authority's keys, as far as tokens need them. */
export type TokenKeys = Pick<SigningKeys, 'findSigner' | 'listPublicKeys'>

/** Signs a JWT (RFC 7519) with the key of now. */
export async function signJwt(keys: TokenKeys, type: string, claims: JsonObject): Promise<string> {
  return signBy(await keys.findSigner(), { typ: type }, claims)
}

/** The same with the public key in its header (RFC 7515 section 4.1.3), for those who know the key by its thumbprint. */
export async function signJwtWithKey(keys: TokenKeys, type: string, claims: JsonObject): Promise<string> {
  const signer = await keys.findSigner()
  const published = (await keys.listPublicKeys()).find(({ kid }) => kid === signer.kid)
  return signBy(signer, { typ: type, jwk: { ...published } }, claims)
}

async function signBy(
  { kid, algorithm, sign }: AuthoritySigner,
  header: JsonObject,
  claims: JsonObject,
): Promise<string> {
  const input = `${encode({ alg: algorithm, kid, ...header })}.${encode(claims)}`
  const signature = await sign(Buffer.from(input, 'latin1'))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
