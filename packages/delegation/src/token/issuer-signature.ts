import type { KeyObject } from 'node:crypto'
import { Refusal, type RefusalCode } from '@countermark/core'
import { type JoseAlgorithm, spellingsOf } from './jose-algorithm.ts'

/**
 * Checks the signature of a compact JWS with an issuer's key, off the main thread.
 * @throws {@link Refusal} with the given code
 */
export async function verifyIssuerSignature(
  text: string,
  key: { readonly publicKey: KeyObject; readonly joseAlgorithm: JoseAlgorithm },
  code: RefusalCode,
): Promise<void> {
  const [{ compactVerify }, { JOSEError }] = await loadJose()
  try {
    await compactVerify(text, key.publicKey, { algorithms: [...spellingsOf(key.joseAlgorithm)] })
  } catch (cause) {
    if (!(cause instanceof JOSEError)) throw cause
    throw new Refusal(code, 'the signature does not verify', { cause })
  }
}

type Jose = [typeof import('jose/jws/compact/verify'), typeof import('jose/errors')]

/**
 * Loads of jose what verifying takes. Begun when a check is made: a program without tokens never pays for it, and the first
 * token finds it there.
 */
export function loadJose(): Promise<Jose> {
  jose ??= Promise.all([import('jose/jws/compact/verify'), import('jose/errors')])
  return jose
}

let jose: Promise<Jose> | undefined
