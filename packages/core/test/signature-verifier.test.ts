import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type AgentKey, importPublicKey } from '../src/index.ts'
import { hasSignatureLength, nodeVerifier, type SignatureAlgorithm } from '../src/internal.ts'
import { readCases } from './conformance-suite.ts'

const DATA = Buffer.from('"@method": GET')

interface Signer {
  readonly algorithm: SignatureAlgorithm
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  readonly sign: (key: KeyObject, data: Uint8Array) => Buffer
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }
const P1363 = { dsaEncoding: 'ieee-p1363' } as const
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const SIGNERS: readonly Signer[] = [
  { algorithm: 'ed25519', keys: generateKeyPairSync('ed25519'), sign: (key, data) => sign(null, data, key) },
  { algorithm: 'ecdsa-p256-sha256', keys: p256, sign: (key, data) => sign('sha256', data, { key, ...P1363 }) },
  {
    algorithm: 'ecdsa-p384-sha384',
    keys: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    sign: (key, data) => sign('sha384', data, { key, ...P1363 }),
  },
  { algorithm: 'rsa-pss-sha512', keys: rsa, sign: (key, data) => sign('sha512', data, { key, ...PSS }) },
  { algorithm: 'rsa-v1_5-sha256', keys: rsa, sign: (key, data) => sign('sha256', data, key) },
]

function agentKey(publicKey: KeyObject, algorithm: SignatureAlgorithm): AgentKey {
  return {
    ...importPublicKey(publicKey, { algorithm }),
    agent: { id: 'agt_buyer', state: 'active' },
    keyId: 'k1',
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
}

describe.each(SIGNERS)('$algorithm', ({ algorithm, keys, sign: signWith }) => {
  const key = agentKey(keys.publicKey, algorithm)
  const signature = signWith(keys.privateKey, DATA)

  it('accepts what the key signed, on either thread', async () => {
    expect(nodeVerifier.verify(key, DATA, signature)).toBe(true)
    expect(await nodeVerifier.verifyInThreadPool(key, DATA, signature)).toBe(true)
  })

  it.each([
    ['other data', Buffer.from('"@method": DELETE'), signature],
    ['a changed signature', DATA, Buffer.from(signature.map((byte, index) => (index === 5 ? byte ^ 1 : byte)))],
    ['a shorter signature', DATA, signature.subarray(1)],
    ['a longer signature', DATA, Buffer.concat([signature, Buffer.alloc(1)])],
    ['no signature', DATA, Buffer.alloc(0)],
    ['zeros', DATA, Buffer.alloc(signature.length)],
  ])('refuses %s, on either thread', async (_name, data, given) => {
    expect(nodeVerifier.verify(key, data, given)).toBe(false)
    expect(await nodeVerifier.verifyInThreadPool(key, data, given)).toBe(false)
  })
})

describe('a signature in another form', () => {
  it.each([
    ['ECDSA in DER', 'ecdsa-p256-sha256', p256.publicKey, sign('sha256', DATA, p256.privateKey)],
    ['RSA-PSS with a salt of 32 bytes', 'rsa-pss-sha512', rsa.publicKey, pssWith({ saltLength: 32 })],
    ['PKCS #1 v1.5 for RSA-PSS', 'rsa-pss-sha512', rsa.publicKey, sign('sha512', DATA, rsa.privateKey)],
    ['RSA-PSS for PKCS #1 v1.5', 'rsa-v1_5-sha256', rsa.publicKey, pssWith({ saltLength: 64 })],
  ] as const)('is refused: %s', (_name, algorithm, publicKey, signature) => {
    expect(nodeVerifier.verify(agentKey(publicKey, algorithm), DATA, signature)).toBe(false)
  })

  it('has a length that the algorithm cannot have', () => {
    expect([63, 64, 65].map((length) => hasSignatureLength('ed25519', Buffer.alloc(length)))).toEqual([
      false,
      true,
      false,
    ])
    expect([0, 256].map((length) => hasSignatureLength('rsa-pss-sha512', Buffer.alloc(length)))).toEqual([false, true])
  })
})

function pssWith({ saltLength }: { readonly saltLength: number }): Buffer {
  return sign('sha512', DATA, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
}

interface Vector {
  readonly jwk?: Readonly<Record<string, unknown>>
  readonly public_key_pem?: string
  readonly message_hex: string
  readonly signature_hex: string
}

describe('vectors of others', () => {
  it.each([
    ['crypto/ed25519-wycheproof.json', 'ed25519'],
    ['crypto/ecdsa-p256-p1363-wycheproof.json', 'ecdsa-p256-sha256'],
    ['crypto/rsa-pss-4096-sha512-wycheproof.json', 'rsa-pss-sha512'],
  ] as const)('%s are judged as they say', (file, algorithm) => {
    const cases = readCases<Vector, { valid: boolean }>(file)
    const judged = cases.map(({ name, input }) => [name, judge(input, algorithm)])
    expect(judged).toEqual(cases.map(({ name, expected }) => [name, expected.valid]))
  })

  it('crypto/ed25519-speccheck.json: what a strict verifier refuses is refused, at import or at verification', () => {
    const cases = readCases<Vector, { valid_strict: boolean }>('crypto/ed25519-speccheck.json')
    const judged = cases.map(({ name, input }) => [name, judge(input, 'ed25519')])
    expect(judged).toEqual(cases.map(({ name, expected }) => [name, expected.valid_strict]))
  })
})

/** `false` also where the key itself is refused. */
function judge(vector: Vector, algorithm: SignatureAlgorithm): boolean {
  const { jwk, public_key_pem: pem = '' } = vector
  const { kid: _kid, ...members } = jwk ?? {}
  try {
    const imported = importPublicKey(jwk === undefined ? pem : members, { algorithm, allowTestKeys: true })
    const key = { ...agentKey(p256.publicKey, 'ecdsa-p256-sha256'), ...imported }
    return nodeVerifier.verify(key, Buffer.from(vector.message_hex, 'hex'), Buffer.from(vector.signature_hex, 'hex'))
  } catch {
    return false // a key that is no key verifies nothing
  }
}
