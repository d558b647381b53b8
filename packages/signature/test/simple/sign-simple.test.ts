import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type HeaderField, importPublicKey } from '@countermark/core'
import { aRequest, createFakeClock, createTestEnvironment, keySourceOf } from '@countermark/testing'
import fc from 'fast-check'
import { buildSimpleV0, buildSimpleV1 } from '../../src/simple/fields.ts'
import { type SimpleV1Request, signSimpleV0, signSimpleV1 } from '../../src/simple/sign.ts'
import { simpleHeaders } from '../../src/simple/simple-headers.ts'
import { createSimpleJudge } from '../judge-simple.ts'

/** RFC 9421 appendix B.1.4: test-key-ed25519. */
const TEST_KEY = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU',
    x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs',
  },
  format: 'jwk',
})

const REFUND: SimpleV1Request = {
  agentId: 'agt_7f2k9x',
  key: TEST_KEY,
  method: 'POST',
  authority: 'api.example.com',
  target: '/v1/refunds?dry_run=false',
  timestamp: 1_767_225_600,
  nonce: 'b3k2pp5k7z-50gnwp.yemd',
  body: Buffer.from('{"order_id":"12345","amount":4200,"currency":"USD"}'),
}

// Of any type: @types/node 20 wants the length as a string, node as a number.
const ONLY_SHA512: object = { hashAlgorithm: 'sha512', mgf1HashAlgorithm: 'sha512', saltLength: 64 }

describe('the vector of the profile', () => {
  it('has this simple-v1 signature, up to the token that only its hash is known of', () => {
    const { method, authority, target, agentId, nonce, body = Buffer.alloc(0) } = REFUND
    const message = { method, authority, target, agentId, timestamp: '1767225600', nonce, body, token: undefined }
    const lines = buildSimpleV1(message).toString().replace(/-$/, 'jzFAXeEo5vDixegQAp5yV7rfh2QNF5hHdBUzG5VIeTE=')
    expect(sign(null, Buffer.from(lines), TEST_KEY).toString('base64')).toBe(
      'ZboCTppm/vsRZSqTd8ej/Y5sWHvqJnt4ZpCvPZAsL+EZB3AgqQ4CSYti8xfG91xlMjQryDXuqTBOqsHLDiTcCg==',
    )
  })

  it('has this simple-v0 signature', () => {
    expect(signSimpleV0(REFUND)).toEqual([
      ['Agent-ID', 'agt_7f2k9x'],
      ['Timestamp', '1767225600'],
      ['Signature', 'iHmBhqOocVYg24wFLncLbou0Os1DAIZskFBImmQm893phBHP9etK6/XkIwCaAVbs+ehMs5iaUSRTCoO42aTnDQ=='],
    ])
  })
})

describe('what is signed', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '/', '0', '-', '.'), minLength: 1, maxLength: 4 })
  const timestamp = fc.integer({ min: 1_000_000_000, max: 9_999_999_999 }).map(String)
  const body = fc.uint8Array({ maxLength: 12 })

  it('is different for different simple-v1 requests', () => {
    const lines = { method: text, authority: text, target: text, agentId: text, timestamp, nonce: text, body }
    const message = fc.record({ ...lines, token: fc.option(text, { nil: undefined }) })
    fc.assert(
      fc.property(message, message, (one, other) => {
        expect(buildSimpleV1(one).equals(buildSimpleV1(other))).toBe(isDeepStrictEqual(one, other))
      }),
    )
  })

  it('is different for different bodies and times of simple-v0', () => {
    const digits = fc.uint8Array({ min: 48, max: 57, maxLength: 12 })
    fc.assert(
      fc.property(digits, timestamp, digits, timestamp, (one, oneTime, other, otherTime) => {
        const isSame = oneTime === otherTime && Buffer.from(one).equals(other)
        expect(buildSimpleV0(one, oneTime).equals(buildSimpleV0(other, otherTime))).toBe(isSame)
      }),
    )
  })
})

describe('signSimpleV1', () => {
  it('signs nine lines without a newline at the end', () => {
    const fields = Object.fromEntries(fieldsOf({ ...REFUND, token: 'Bearer eyJ', keyId: 'k1' }))
    const hash = (text: string | Uint8Array) => createHash('sha256').update(text).digest('base64')
    const lines = [
      'AGENT-AUTH-V1',
      'POST',
      'api.example.com',
      '/v1/refunds?dry_run=false',
      'agt_7f2k9x',
      '1767225600',
      'b3k2pp5k7z-50gnwp.yemd',
      hash('{"order_id":"12345","amount":4200,"currency":"USD"}'),
      hash('Bearer eyJ'),
    ]
    const { Signature: signature = '', ...others } = fields
    expect(verify(null, Buffer.from(lines.join('\n')), TEST_KEY, Buffer.from(signature, 'base64'))).toBe(true)
    expect(others).toEqual({
      'Agent-ID': 'agt_7f2k9x',
      'Agent-Auth-Version': '1',
      Timestamp: '1767225600',
      Nonce: 'b3k2pp5k7z-50gnwp.yemd',
      'Key-ID': 'k1',
    })
  })

  it.each([
    ['ed25519', () => generateKeyPairSync('ed25519')],
    ['ecdsa-p256-sha256', () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
    ['ecdsa-p384-sha384', () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
    ['rsa-pss-sha512', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['rsa-pss-sha512', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
    ['rsa-pss-sha512', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...ONLY_SHA512 })],
  ] as const)('signs by %s what the verifier accepts', async (algorithm, generate) => {
    const { privateKey, publicKey } = generate()
    const { codeOf } = aJudge(publicKey, simpleHeaders({ version: 1, algorithms: [algorithm] }))
    const request = { ...REFUND, key: privateKey, token: 'Bearer eyJ' }
    expect(await codeOf(asSent(request, [...fieldsOf(request), ['Authorization', 'Bearer eyJ']]))).toBe('accepted')
  })

  it('waits for a function that signs elsewhere', async () => {
    const key = async (data: Uint8Array): Promise<Uint8Array> => sign(null, data, TEST_KEY)
    expect(await signSimpleV1({ ...REFUND, key })).toEqual(signSimpleV1(REFUND))
  })

  it('signs under other header names', () => {
    const fields = fieldsOf({ ...REFUND, headers: { agentId: 'X-Agent-ID', signature: 'X-Agent-Signature' } })
    expect(fields.map(([name]) => name)).toEqual([
      'X-Agent-ID',
      'Agent-Auth-Version',
      'Timestamp',
      'Nonce',
      'X-Agent-Signature',
    ])
  })

  it.each([
    ['an agent id with a space', { agentId: 'agt 1' }],
    ['milliseconds', { timestamp: 1_767_225_600_000 }],
    ['a fraction of a second', { timestamp: 1_767_225_600.5 }],
    ['no time', { timestamp: Number.NaN }],
    ['a host in upper case', { authority: 'API.example.com' }],
    ['a URL for a target', { target: 'https://api.example.com/' }],
    ['a line break in the target', { target: '/a\nb' }],
    ['a nonce with a comma', { nonce: 'a,b' }],
    ['an empty nonce', { nonce: '' }],
    ['a method with a space', { method: 'GET /' }],
    ['an empty key id', { keyId: '' }],
    ['a header name with a colon', { headers: { nonce: 'Nonce:' } }],
  ])('refuses %s', (_what, change) => {
    expect(() => signSimpleV1({ ...REFUND, ...change })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })

  it.each([
    ['a public key', generateKeyPairSync('ed25519').publicKey],
    ['a key for something else', generateKeyPairSync('x25519').privateKey],
    ['a P-521 key', generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).privateKey],
  ])('refuses %s', (_what, key) => {
    expect(() => signSimpleV1({ ...REFUND, key })).toThrow(expect.objectContaining({ code: 'ERR_KEY_MATERIAL' }))
  })
})

describe('signSimpleV0', () => {
  it('signs what the verifier accepts on a listed route', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const scheme = simpleHeaders({ version: 0, routes: ['POST /v1/refunds?dry_run=false'] })
    const fields = await signSimpleV0({ ...REFUND, key: privateKey })
    expect(await aJudge(publicKey, scheme, ['simple-v0']).codeOf(asSent(REFUND, fields))).toBe('accepted')
  })
})

function fieldsOf(request: SimpleV1Request): readonly HeaderField[] {
  const fields = signSimpleV1(request)
  if (fields instanceof Promise) throw new TypeError('a key at hand signs at once')
  return fields
}

function asSent(
  { method, authority, target, body = Buffer.alloc(0) }: SimpleV1Request,
  headers: readonly HeaderField[],
) {
  return aRequest({ method, authority, target, body, headers })
}

function aJudge(publicKey: KeyObject, scheme: ReturnType<typeof simpleHeaders>, schemes?: readonly ['simple-v0']) {
  const key = {
    ...importPublicKey(publicKey),
    agent: { id: REFUND.agentId, state: 'active' } as const,
    keyId: 'k1',
    state: 'active' as const,
    notBefore: undefined,
    notAfter: undefined,
    schemes,
  }
  const clock = createFakeClock(REFUND.timestamp * 1000)
  return createSimpleJudge(scheme, keySourceOf(key), createTestEnvironment({ clock }))
}
