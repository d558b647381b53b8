import { createPublicKey } from 'node:crypto'
import { importPublicKey } from '@countermark/core'
import { nodeVerifier, type SignatureAlgorithm } from '@countermark/core/internal'
import { attempt, compare, type JudgeVector, toUncheckedKey, type Vector } from './vector.ts'

/** Wycheproof: the verifier alone, with the key as given. */
export function judgeSignatureBytes(algorithm: SignatureAlgorithm): JudgeVector {
  return ({ input, expected }) => {
    const publicKey =
      input.jwk === undefined
        ? createPublicKey(input.public_key_pem)
        : createPublicKey({ key: input.jwk, format: 'jwk' })
    return compare(expected.valid, verifies(input, toUncheckedKey(publicKey, algorithm)))
  }
}

/** Edge cases of Ed25519: with keys checked on import the answer must be the strict one. */
export const judgeSpeccheck: JudgeVector = ({ input, expected }) => {
  const imported = attempt(() => importPublicKey(input.jwk))
  if ('error' in imported) return compare(expected.valid_strict, false)
  return compare(expected.valid_strict, verifies(input, toUncheckedKey(imported.value.publicKey, 'ed25519')))
}

/** Keys that a registry must take or refuse. One of the good ones is printed in RFC 8037, hence the option. */
export const judgeRegistration: JudgeVector = ({ input, expected }) => {
  const imported = attempt(() => importPublicKey(input.jwk, { allowTestKeys: true }))
  return compare(expected.register, 'value' in imported ? 'accept' : 'refuse')
}

/** For algorithms that are not offered at all. */
export const notOffered: JudgeVector = () => ({ skip: 'rsa-pss with SHA-256 is no algorithm of RFC 9421' })

function verifies(input: Vector['input'], key: ReturnType<typeof toUncheckedKey>): boolean {
  const data = Buffer.from(input.message_hex, 'hex')
  return nodeVerifier.verify(key, data, Buffer.from(input.signature_hex, 'hex'))
}
