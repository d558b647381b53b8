import { Refusal, type RefusalCode } from '@countermark/core'
import { compactVerify, errors } from 'jose'
import type { IssuerKey } from './issuer-key.ts'
import { spellingsOf } from './jose-algorithm.ts'

/**
 * Checks the signature of a compact JWS with an issuer's key, off the main thread.
 * @throws {@link Refusal} with the given code
 */
export async function verifyIssuerSignature(text: string, key: IssuerKey, code: RefusalCode): Promise<void> {
  try {
    await compactVerify(text, key.publicKey, { algorithms: [...spellingsOf(key.joseAlgorithm)] })
  } catch (cause) {
    if (!(cause instanceof errors.JOSEError)) throw cause
    throw new Refusal(code, 'the signature does not verify', { cause })
  }
}
