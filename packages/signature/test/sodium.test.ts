import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { type AgentKey, importPublicKey, type SignatureVerifier } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import { agentKeyOf, createTestAgent, type TestAgent } from '@countermark/testing'
import { sodiumVerifier } from '../src/sodium.ts'
import { readSuite } from './conformance-suite.ts'

interface Ed25519Input {
  readonly public_key_hex: string
  readonly message_hex: string
  readonly signature_hex: string
}

const verifier = sodiumVerifier()
const DATA = Buffer.from('a message')
/** Node refuses an R of small order by itself from version 24 on. */
const ACCEPTS_SMALL_ORDER = Number.parseInt(process.versions.node, 10) < 24
/** Those of the edge cases that it then refuses. */
const SMALL_ORDER_R = /^speccheck [02]:/

describe('sodiumVerifier', () => {
  it('accepts what an Ed25519 key signed, at once and in the pool', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    expect(await bothWays(verifier, agentKeyOf(agent), DATA, await agent.sign(DATA))).toEqual([true, true])
  })

  it('takes plain Uint8Arrays, also views into a larger buffer', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const data = new Uint8Array(Buffer.from('-a message-')).subarray(1, 10)
    const signature = new Uint8Array(await agent.sign(DATA))
    expect(await bothWays(verifier, agentKeyOf(agent), data, signature)).toEqual([true, true])
  })

  it('refuses a changed message, at once and in the pool', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const signature = await agent.sign(Buffer.from('another'))
    expect(await bothWays(verifier, agentKeyOf(agent), DATA, signature)).toEqual([false, false])
  })

  it.each([0, 63, 65, 128])('refuses a signature of %i bytes', async (length) => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const signature = Buffer.alloc(length)
    Buffer.from(await agent.sign(DATA)).copy(signature)
    expect(await bothWays(verifier, agentKeyOf(agent), DATA, signature)).toEqual([false, false])
  })

  it.each(['ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)('leaves %s to node', async (algorithm) => {
    const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm })
    expect(await bothWays(verifier, agentKeyOf(agent), DATA, await agent.sign(DATA))).toEqual([true, true])
  })

  it('refuses an R of small order, which Node accepts before 24, as our other verifier does', async () => {
    const agent = await createTestAgent({ agentId: 'agt_buyer' })
    const signature = signWithoutNonce(agent, DATA)
    expect(verify(null, DATA, agentKeyOf(agent).publicKey, signature)).toBe(ACCEPTS_SMALL_ORDER)
    expect(await bothWays(verifier, agentKeyOf(agent), DATA, signature)).toEqual([false, false])
    expect(await bothWays(nodeVerifier, agentKeyOf(agent), DATA, signature)).toEqual([false, false])
  })
})

describe('a key of small order', () => {
  it.each([`01${'00'.repeat(31)}`, `01${'00'.repeat(30)}80`, `ee${'ff'.repeat(30)}7f`])(
    '%s is signed for by nobody; Node accepts the forgery before 24, our verifiers do not',
    async (point) => {
      const forgery = Buffer.from(`01${'00'.repeat(63)}`, 'hex')
      expect(verify(null, DATA, aRawKey(point).publicKey, forgery)).toBe(ACCEPTS_SMALL_ORDER)
      expect(await bothWays(verifier, aRawKey(point), DATA, forgery)).toEqual([false, false])
      expect(await bothWays(nodeVerifier, aRawKey(point), DATA, forgery)).toEqual([false, false])
    },
  )
})

describe('sodiumVerifier and Wycheproof', () => {
  const { cases } = readSuite<Ed25519Input, { readonly valid: boolean }>('crypto/ed25519-wycheproof.json')

  it('answers every vector as expected, at once and in the pool', async () => {
    expect(await judgeAll(cases)).toEqual(cases.map(({ name, expected: { valid } }) => [name, [valid, valid]]))
  })
})

describe('sodiumVerifier on the edge cases of Ed25519', () => {
  const { cases } = readSuite<Ed25519Input, { readonly valid_strict: boolean; readonly observed_node: boolean }>(
    'crypto/ed25519-speccheck.json',
  )

  it('answers as a strict verifier does, at once and in the pool', async () => {
    const strict = cases.map(({ name, expected: { valid_strict: valid } }) => [name, [valid, valid]])
    expect(await judgeAll(cases)).toEqual(strict)
  })

  it('answers as our other verifier does, also where Node would accept', async () => {
    const byNode = cases.map(({ name, input }) => [
      name,
      verify(null, bytesOf(input)[0], aRawKey(input.public_key_hex).publicKey, bytesOf(input)[1]),
    ])
    const observed = cases.map(({ name, expected }) => [
      name,
      expected.observed_node && (ACCEPTS_SMALL_ORDER || !SMALL_ORDER_R.test(name)),
    ])
    expect(byNode).toEqual(observed)
    expect(await judgeAll(cases, nodeVerifier)).toEqual(await judgeAll(cases))
  })
})

interface NamedInput {
  readonly name: string
  readonly input: Ed25519Input
}

function judgeAll(cases: readonly NamedInput[], under: SignatureVerifier = verifier): Promise<readonly unknown[]> {
  return Promise.all(
    cases.map(async ({ name, input }) => [
      name,
      await bothWays(under, aRawKey(input.public_key_hex), ...bytesOf(input)),
    ]),
  )
}

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

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** Signs with a nonce of zero: R is the neutral element and S = k·a mod L (RFC 8032 section 5.1.6). */
function signWithoutNonce({ privateJwk }: TestAgent, data: Buffer): Buffer {
  const [seed, point] = [privateJwk['d'], privateJwk['x']].map((member) => Buffer.from(String(member), 'base64url'))
  const scalar = createHash('sha512')
    .update(seed as Buffer)
    .digest()
    .subarray(0, 32)
  scalar[0] = (scalar[0] as number) & 248
  scalar[31] = ((scalar[31] as number) & 63) | 64
  const neutral = Buffer.alloc(32)
  neutral[0] = 1
  const hash = createHash('sha512')
    .update(neutral)
    .update(point as Buffer)
    .update(data)
    .digest()
  const s = (toNumber(hash) * toNumber(scalar)) % ORDER
  return Buffer.concat([neutral, Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()])
}

function toNumber(littleEndian: Buffer): bigint {
  return BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`)
}

/** A key that did not pass the import: the vectors are about points that the import refuses. */
function aRawKey(hex: string): AgentKey {
  const raw = Buffer.from(hex, 'hex')
  return {
    ...importPublicKey(generateKeyPairSync('ed25519').publicKey),
    agent: { id: 'agt_vector', state: 'active' },
    keyId: 'k1',
    rawPublicKey: raw,
    publicKey: pointOf(raw),
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}

function pointOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
}
