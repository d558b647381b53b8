import { generateKeyPairSync } from 'node:crypto'
import { createTestAgent } from '@countermark/testing'
import { thrownCode } from '../../../test/support/outcomes.ts'
import { type AgentFetchOptions, createAgentFetch, generateAgentKey } from '../src/index.ts'

const { privateKey } = generateAgentKey()
const right = { agentId: 'agt_1', key: privateKey, origins: ['https://api.example.com'] }

function codeOf(options: object): string | undefined {
  return thrownCode(() => createAgentFetch({ ...right, ...options } as AgentFetchOptions))
}

describe('createAgentFetch', () => {
  it.each([
    ['a misspelt option', { orgins: [] }, 'ERR_OPTION_UNKNOWN'],
    ['no origins', { origins: [] }, 'ERR_OPTION_MISSING'],
    ['a path among the origins', { origins: ['https://api.example.com/v1'] }, 'ERR_OPTION_INVALID'],
    ['a host among the origins', { origins: ['api.example.com'] }, 'ERR_OPTION_INVALID'],
    ['credentials among the origins', { origins: ['https://a:b@api.example.com'] }, 'ERR_OPTION_INVALID'],
    ['an origin that is not HTTP', { origins: ['file:///etc'] }, 'ERR_OPTION_INVALID'],
    ['an agent id that no registry takes', { agentId: 'a b' }, 'ERR_OPTION_INVALID'],
    ['a key id with a line feed', { keyId: 'a\nb' }, 'ERR_OPTION_INVALID'],
    ['neither key nor sign', { key: undefined }, 'ERR_OPTION_MISSING'],
    ['key and sign', { sign: () => new Uint8Array(), algorithm: 'ed25519', keyId: 'k' }, 'ERR_OPTION_MISSING'],
    ['sign without an algorithm', { key: undefined, sign: () => new Uint8Array(), keyId: 'k' }, 'ERR_OPTION_MISSING'],
    [
      'sign without a key id',
      { key: undefined, sign: () => new Uint8Array(), algorithm: 'ed25519' },
      'ERR_OPTION_MISSING',
    ],
    ['a key that cannot be read', { key: 'secret words' }, 'ERR_KEY_MATERIAL'],
    ['a public key', { key: generateKeyPairSync('ed25519').publicKey }, 'ERR_KEY_MATERIAL'],
    ['a public JWK', { key: generateAgentKey().publicJwk }, 'ERR_KEY_MATERIAL'],
    [
      'an RSA key of 1024 bits',
      { key: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey },
      'ERR_KEY_MATERIAL',
    ],
    ['an X25519 key', { key: generateKeyPairSync('x25519').privateKey }, 'ERR_KEY_MATERIAL'],
    ['an unknown form', { form: 'v2' }, 'ERR_OPTION_INVALID'],
    ['cover in a simple form', { form: 'simple-v1', cover: ['x-a'] }, 'ERR_OPTION_INVALID'],
    ['header names in form httpsig', { headerNames: {} }, 'ERR_OPTION_INVALID'],
    ['header names that collide', { form: 'simple-v1', headerNames: { nonce: 'Timestamp' } }, 'ERR_OPTION_INVALID'],
    [
      'simple-v0 with an ECDSA key',
      { form: 'simple-v0', key: generateAgentKey({ algorithm: 'ecdsa-p256-sha256' }).privateKey },
      'ERR_OPTION_INVALID',
    ],
    ['a covered field that is none', { cover: ['@path'] }, 'ERR_OPTION_INVALID'],
    ['a signature agent without TLS', { signatureAgent: 'http://agent.example' }, 'ERR_OPTION_INVALID'],
    ['a signature that lasts too long', { expiresSeconds: 301 }, 'ERR_OPTION_INVALID'],
    ['a limit that is no number', { maxBodyBytes: Number.NaN }, 'ERR_OPTION_INVALID'],
    ['an authorization that is no text', { authorization: 7 }, 'ERR_OPTION_INVALID'],
    ['an authorization with a line feed', { authorization: 'Bearer a\nb' }, 'ERR_OPTION_INVALID'],
    ['a token that is no source', { token: 'a.b.c' }, 'ERR_OPTION_INVALID'],
    ['authorization and token', { authorization: 'Bearer a', token: () => undefined }, 'ERR_OPTION_INVALID'],
    ['scopes to ask for in one text', { mayAskFor: 'orders:read' }, 'ERR_OPTION_INVALID'],
    ['an empty scope to ask for', { mayAskFor: [''] }, 'ERR_OPTION_INVALID'],
    ['cover in form dpop', { form: 'dpop', cover: ['x-a'] }, 'ERR_OPTION_INVALID'],
    ['header names in form dpop', { form: 'dpop', headerNames: {} }, 'ERR_OPTION_INVALID'],
    ['proofs without a key', { dpop: {} }, 'ERR_OPTION_MISSING'],
    ['proofs switched off by a word', { dpop: 'off' }, 'ERR_OPTION_INVALID'],
    [
      'proofs by a key elsewhere whose public half is not given',
      { key: undefined, sign: () => new Uint8Array(64), algorithm: 'ed25519', keyId: 'k', form: 'dpop' },
      'ERR_OPTION_MISSING',
    ],
    [
      'a public half of another kind',
      {
        key: undefined,
        sign: () => new Uint8Array(64),
        algorithm: 'ecdsa-p256-sha256',
        keyId: 'k',
        publicKey: generateAgentKey().publicJwk,
      },
      'ERR_KEY_MATERIAL',
    ],
    ['response keys that are missing', { verifyResponses: { keys: {} } }, 'ERR_OPTION_MISSING'],
    ['a response key that is none', { verifyResponses: { keys: { billing: 'x' } } }, 'ERR_KEY_MATERIAL'],
  ])('refuses %s', (_name, options, code) => {
    expect(codeOf(options)).toBe(code)
  })

  it('never repeats key material in an error', () => {
    const broken = privateKey.replace('MC4', 'MCx')
    const failure = ((): unknown => {
      try {
        return createAgentFetch({ ...right, key: broken })
      } catch (error) {
        return error
      }
    })()
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain(broken.slice(40, 60))
  })

  it.each(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)(
    'takes a %s key as PEM, JWK or KeyObject',
    async (algorithm) => {
      const { privateJwk } = await createTestAgent({ agentId: 'agt_1', algorithm })
      const { privateKey: pem } = generateAgentKey({ algorithm })
      expect([codeOf({ key: pem }), codeOf({ key: privateJwk })]).toEqual([undefined, undefined])
    },
  )

  it('takes a key as it is in a file or a template: text around it, indented, with carriage returns', () => {
    const { privateKey } = generateAgentKey()
    const forms = [
      `Bag Attributes: none\n${privateKey}`,
      privateKey.replaceAll(/^/gm, '    '),
      privateKey.replaceAll('\n', '\r'),
    ]
    expect(forms.map((key) => codeOf({ key }))).toEqual([undefined, undefined, undefined])
  })
})

describe('generateAgentKey', () => {
  it.each([undefined, 'ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512'] as const)(
    'makes a key for %s',
    (algorithm) => {
      const generated = generateAgentKey(algorithm === undefined ? {} : { algorithm })
      expect(generated.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
      expect(generated.publicJwk).toMatchObject({ kid: generated.thumbprint, use: 'sig' })
      expect(generated.publicJwk).not.toHaveProperty('d')
      expect(codeOf({ key: generated.privateKey })).toBeUndefined()
    },
  )

  it('refuses an algorithm that it does not know', () => {
    expect(() => generateAgentKey({ algorithm: 'hmac-sha256' as 'ed25519' })).toThrow('algorithm must be one of')
  })
})
