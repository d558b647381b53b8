import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type AgentKey, importPublicKey, nodeVerifier, type SignatureVerifier } from '@countermark/core'
import { sodiumVerifier } from '../src/sodium.ts'
import { readSuite } from './conformance-suite.ts'

interface Ed25519Input {
  readonly public_key_hex: string
  readonly message_hex: string
  readonly signature_hex: string
}

const verifier = sodiumVerifier()

describe('sodiumVerifier', () => {
  it('accepts what an Ed25519 key signed, at once and in the pool', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const data = Buffer.from('a message')
    const signature = sign(null, data, privateKey)
    expect(await bothWays(verifier, anAgentKey(publicKey), data, signature)).toEqual([true, true])
  })

  it('takes plain Uint8Arrays, also views into a larger buffer', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const data = new Uint8Array(Buffer.from('-a message-')).subarray(1, 10)
    const signature = new Uint8Array(sign(null, data, privateKey))
    expect(verifier.verify(anAgentKey(publicKey), data, signature)).toBe(true)
  })

  it('refuses a changed message, at once and in the pool', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const signature = sign(null, Buffer.from('a message'), privateKey)
    expect(await bothWays(verifier, anAgentKey(publicKey), Buffer.from('another'), signature)).toEqual([false, false])
  })

  it.each([0, 63, 65, 128])('refuses a signature of %i bytes', async (length) => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const signature = Buffer.alloc(length)
    sign(null, Buffer.from('a message'), privateKey).copy(signature)
    const verdicts = await bothWays(verifier, anAgentKey(publicKey), Buffer.from('a message'), signature)
    expect(verdicts).toEqual([false, false])
  })

  it('leaves ECDSA to node', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const data = Buffer.from('a message')
    const signature = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    expect(await bothWays(verifier, anAgentKey(publicKey), data, signature)).toEqual([true, true])
  })
})

describe('sodiumVerifier and Wycheproof', () => {
  const { cases } = readSuite<Ed25519Input, { readonly valid: boolean }>('crypto/ed25519-wycheproof.json')

  it('answers every vector as expected, at once and in the pool', async () => {
    for (const { name, input, expected } of cases) {
      const verdicts = await bothWays(verifier, aRawKey(input.public_key_hex), ...bytesOf(input))
      expect({ name, verdicts }).toEqual({ name, verdicts: [expected.valid, expected.valid] })
    }
  })
})

describe('sodiumVerifier on the edge cases of Ed25519', () => {
  const { cases } = readSuite<Ed25519Input, { readonly valid_strict: boolean; readonly observed_node: boolean }>(
    'crypto/ed25519-speccheck.json',
  )

  it('answers as a strict verifier does, at once and in the pool', async () => {
    for (const { name, input, expected } of cases) {
      const verdicts = await bothWays(verifier, aRawKey(input.public_key_hex), ...bytesOf(input))
      expect({ name, verdicts }).toEqual({ name, verdicts: [expected.valid_strict, expected.valid_strict] })
    }
  })

  it('differs from node only where R has small order', () => {
    const differing = cases.filter(({ input, expected }) => {
      const key = aRawKey(input.public_key_hex)
      expect(nodeVerifier.verify(key, ...bytesOf(input))).toBe(expected.observed_node)
      return verifier.verify(key, ...bytesOf(input)) !== expected.observed_node
    })
    expect(differing.every(({ name }) => /small-order A and R|small-order R/.test(name))).toBe(true)
  })
})

async function bothWays(
  under: SignatureVerifier,
  key: AgentKey,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<readonly boolean[]> {
  return [under.verify(key, data, signature), await under.verifyInThreadPool(key, data, signature)]
}

function bytesOf(input: Ed25519Input): [Buffer, Buffer] {
  return [Buffer.from(input.message_hex, 'hex'), Buffer.from(input.signature_hex, 'hex')]
}

function anAgentKey(publicKey: KeyObject): AgentKey {
  return {
    agent: { id: 'agt_7f2k9x', state: 'active' },
    keyId: 'k1',
    ...importPublicKey(publicKey),
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}

/** A key that did not pass the import: the vectors are about points that the import refuses. */
function aRawKey(hex: string): AgentKey {
  const raw = Buffer.from(hex, 'hex')
  const { publicKey } = generateKeyPairSync('ed25519')
  const key = anAgentKey(publicKey)
  return { ...key, rawPublicKey: raw, publicKey: pointOf(raw) }
}

function pointOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
}
