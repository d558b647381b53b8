import { randomBytes } from 'node:crypto'
import { type JoseSigner, signJwt } from '../jose-signer.ts'

/** What an authorization server is told about who asks. */
interface ClientAssertionOptions {
  readonly clientId: string
  /** The authorization server, by its issuer identifier or its token endpoint. */
  readonly audience: string
  readonly signer: JoseSigner
}

const LIFETIME_SECONDS = 60
const ID_BYTES = 18

/** Form fields that authenticate a client with its key: `private_key_jwt` (RFC 7523 sections 2.2 and 3). Each counts once. */
export async function createClientAssertion(
  { clientId, audience, signer }: ClientAssertionOptions,
  nowMs: number,
): Promise<readonly FormField[]> {
  const now = Math.floor(nowMs / 1000)
  const header = { typ: 'JWT', kid: signer.keyId }
  const assertion = await signJwt(signer, header, {
    iss: clientId,
    sub: clientId,
    aud: audience,
    jti: randomBytes(ID_BYTES).toString('base64url'),
    iat: now,
    exp: now + LIFETIME_SECONDS,
  })
  return [
    ['client_id', clientId],
    ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
    ['client_assertion', assertion],
  ]
}

/** A name and a value, as they go into a form. */
export type FormField = readonly [name: string, value: string]
