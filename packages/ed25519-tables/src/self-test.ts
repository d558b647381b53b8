import { generateKeyPairSync, sign } from 'node:crypto'
import { Misconfigured } from '@countermark/core'
import type { TableEngine } from './table-engine.ts'

interface KnownAnswer {
  readonly key: Uint8Array
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

/** RFC 8032 section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc). */
const PUBLISHED: readonly (readonly [key: string, data: string, signature: string])[] = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589' +
      '09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
]

/** Lengths around which SHA-512 of R, A and the message begins another block, and one of many blocks. */
const LENGTHS = [47, 48, 63, 64, 175, 176, 191, 192, 4096]

/**
 * Makes a table answer what is known: published signatures, and what node:crypto signs with a key made for this. Uses the
 * first table, which counts for nothing afterwards.
 * @throws {@link Misconfigured} `ERR_VERIFIER_SELF_TEST`
 */
export function requireKnownAnswers({ build, verify }: Pick<TableEngine, 'build' | 'verify'>): void {
  for (const { key, data, signature } of [...publishedAnswers(), ...freshAnswers()]) {
    const holds = build(0, key) && verify(0, data, signature) === true
    const refuses = [0, 31, 32, 62].every((index) => verify(0, data, withFlippedBit(signature, index)) !== true)
    if (holds && refuses && verify(0, withFlippedBit(data, data.length - 1), signature) === false) continue
    throw new Misconfigured(
      'ERR_VERIFIER_SELF_TEST',
      'tables() computes wrong answers on this machine; use another verifier and report the version of Node',
    )
  }
}

function publishedAnswers(): readonly KnownAnswer[] {
  return PUBLISHED.map((answer) => {
    const [key = NOTHING, data = NOTHING, signature = NOTHING] = answer.map((hex) => Buffer.from(hex, 'hex'))
    return { key, data, signature }
  })
}

const NOTHING = new Uint8Array()

function freshAnswers(): readonly KnownAnswer[] {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = Buffer.from(String(publicKey.export({ format: 'jwk' }).x), 'base64url')
  return LENGTHS.map((length) => {
    const data = new Uint8Array(length).fill(length)
    return { key, data, signature: sign(null, data, privateKey) }
  })
}

/** Flips the lowest bit of one byte; makes a byte where there is none. */
function withFlippedBit(bytes: Uint8Array, index: number): Uint8Array {
  if (bytes.length === 0) return new Uint8Array(1)
  const changed = Uint8Array.from(bytes)
  changed[index] = (changed[index] as number) ^ 1
  return changed
}
