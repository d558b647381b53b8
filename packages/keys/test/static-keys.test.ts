import { generateKeyPairSync } from 'node:crypto'
import { createTestEnvironment } from '@countermark/testing'
import { type StaticKey, staticKeys } from '../src/index.ts'
import { createPublicKey, SMALL_ORDER_JWK } from './public-key.ts'

const environment = createTestEnvironment()
const KEY = createPublicKey()

describe('staticKeys', () => {
  it.each([
    ['a JWK', KEY.jwk],
    ['PEM', KEY.pem],
    ['raw base64', KEY.raw],
  ])('takes %s', (_form, key) => {
    const source = staticKeys([{ agentId: 'agt_a', key }])
    expect(source.findKeys({ keyId: KEY.thumbprint }, environment)).toMatchObject([{ keyId: KEY.thumbprint }])
  })

  it.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, 'rsa-pss-sha512'],
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, 'ecdsa-p256-sha256'],
  ])('takes a KeyObject of %s', (_type, key, algorithm) => {
    const [found] = staticKeys([{ agentId: 'agt_a', key }]).findKeys({ agentId: 'agt_a' }, environment) as never[]
    expect(found).toMatchObject({ algorithm, rawPublicKey: undefined })
  })

  it('names a JWK by its own kid, unless the entry says otherwise', () => {
    const jwk = { ...KEY.jwk, kid: 'mine' }
    const idsOf = (entry: object, keyId: string) =>
      staticKeys([{ agentId: 'agt_a', key: jwk, ...entry }]).findKeys({ keyId }, createTestEnvironment())
    expect(idsOf({}, 'mine')).toMatchObject([{ keyId: 'mine' }])
    expect(idsOf({}, KEY.thumbprint)).toMatchObject([{ keyId: 'mine' }])
    expect(idsOf({ keyId: 'other' }, 'mine')).toEqual([])
  })

  it('hands on what else is stated', () => {
    const entry: StaticKey = {
      ...{ agentId: 'agt_a', key: KEY.jwk, keyId: 'k1', state: 'revoked', notBefore: 1, notAfter: 2 },
      ...{ schemes: ['simple-v0'], record: { owner: 'jane@example.com', state: 'suspended' } },
    }
    expect(staticKeys([entry]).findKeys({ keyId: 'k1' }, environment)).toMatchObject([
      {
        ...{ state: 'revoked', notBefore: 1, notAfter: 2, schemes: ['simple-v0'] },
        agent: { id: 'agt_a', owner: 'jane@example.com', state: 'suspended' },
      },
    ])
  })

  it('knows its agents by one record each, whichever of their keys is used', () => {
    const other = { agentId: 'agt_a', keyId: 'k2', key: createPublicKey().jwk }
    const source = staticKeys([other, { agentId: 'agt_a', key: KEY.jwk, record: { state: 'suspended' } }])
    expect(source.findKeys({ keyId: 'k2' }, environment)).toMatchObject([{ agent: { state: 'suspended' } }])
    expect(source.findAgent?.({ agentId: 'agt_a' }, environment)).toMatchObject({ state: 'suspended' })
    expect(source.findAgent?.({ agentId: 'agt_b' }, environment)).toBeUndefined()
  })

  it('refuses two records of one agent', () => {
    const entries = ['jane', 'joe'].map((owner) => ({
      ...{ agentId: 'agt_a', key: createPublicKey().jwk, record: { owner } },
    }))
    expect(() => staticKeys(entries)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }))
  })

  it('refuses a key that two agents share', () => {
    const entries = ['agt_a', 'agt_b'].map((agentId) => ({ agentId, key: KEY.jwk }))
    expect(() => staticKeys(entries)).toThrow(expect.objectContaining({ code: 'ERR_KEY_MATERIAL' }))
  })

  it.each([
    ['a weak key', { key: SMALL_ORDER_JWK }, 'ERR_KEY_MATERIAL'],
    ['a key printed in an RFC', { key: 'JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=' }, 'ERR_KEY_MATERIAL'],
    ['no key', { key: undefined }, 'ERR_KEY_MATERIAL'],
    ['an algorithm that does not fit', { algorithm: 'rsa-pss-sha512' }, 'ERR_KEY_MATERIAL'],
    ['a bad agent id', { agentId: '' }, 'ERR_OPTION_INVALID'],
    ['a bad key id', { keyId: '\n' }, 'ERR_OPTION_INVALID'],
    ['a time in milliseconds', { notAfter: 1764633600000 }, 'ERR_OPTION_INVALID'],
    ['a time that is none', { notAfter: Number.NaN }, 'ERR_OPTION_INVALID'],
    ['an unknown state', { state: 'paused' }, 'ERR_OPTION_INVALID'],
    ['a misspelt member', { keyid: 'k1' }, 'ERR_OPTION_UNKNOWN'],
  ])('does not start with %s', (_name, overrides, code) => {
    const entry = { agentId: 'agt_a', key: KEY.jwk, ...overrides } as StaticKey
    expect(() => staticKeys([entry])).toThrow(expect.objectContaining({ name: 'Misconfigured', code }))
  })

  it('takes published test keys where that is allowed by name', () => {
    const entry = { agentId: 'agt_a', key: 'JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=' }
    expect(() => staticKeys([entry], { allowTestKeys: true })).not.toThrow()
  })

  it('takes a list', () => {
    expect(() => staticKeys({ agt_a: KEY.raw } as never)).toThrow(/array/)
  })
})
