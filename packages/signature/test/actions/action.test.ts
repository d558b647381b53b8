import { createHash, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { type AgentKey, importPublicKey, isUnavailable, type SignatureVerifier } from '@countermark/core'
import { createFakeClock, createTestEnvironment, keySourceOf } from '@countermark/testing'
import { type ActionToSign, type SignedAction, signAction } from '../../src/actions/signed-action.ts'
import { type ActionVerifierOptions, verifyAction } from '../../src/actions/verify-action.ts'
import { standaloneEnvironment } from '../../src/outside-http.ts'
import { createRememberingStore } from '../remembering-store.ts'

const NOW = 1_767_225_600

describe('signAction', () => {
  it('signs ten lines that begin with their own name', () => {
    const { key, publicKey } = anAgent()
    const signed = signedBy(key)
    const base = [
      'AGENT-ACTION-V1',
      'Process refund for order #12345',
      'billing',
      'agt_7f2k9x',
      'k1',
      '1767225600',
      '1767225660',
      'b3k2pp5k7z',
      createHash('sha256').update('{"order":"12345"}').digest('base64'),
      createHash('sha256').update('{"amount":{"currency":"USD","value":4200}}').digest('base64'),
    ].join('\n')
    expect(verify(null, Buffer.from(base), publicKey, Buffer.from(signed.signature, 'base64'))).toBe(true)
  })

  it('waits for a function that signs elsewhere', async () => {
    const { key, agentKey } = anAgent()
    const signed = await signAction({ ...anAction(key), key: async (data) => sign(null, data, key) })
    expect(verifyNow(signed, { keys: keySourceOf(agentKey) })).toMatchObject({ agentId: 'agt_7f2k9x' })
  })

  it.each([
    ['a line break in the action', { action: 'a\nb' }],
    ['parameters that JSON cannot say', { parameters: undefined as never }],
    ['a time in milliseconds', { created: NOW * 1000 }],
    ['a fraction of a cent', { limits: { amount: { value: 0.5, currency: 'USD' } } }],
    ['an agent id with a space', { agentId: 'agt 1' }],
  ])('refuses %s', (_what, change) => {
    const { key } = anAgent()
    expect(() => signAction({ ...anAction(key), ...change })).toThrow(
      expect.objectContaining({ code: 'request_malformed' }),
    )
  })
})

describe('verifyAction', () => {
  it('tells who ordered what, for how much, and until when', () => {
    const { key, agentKey } = anAgent()
    expect(verifyNow(signedBy(key), { keys: keySourceOf(agentKey) })).toMatchObject({
      action: 'Process refund for order #12345',
      parameters: { order: '12345' },
      limits: { amount: { value: 4200, currency: 'USD' } },
      agent: { id: 'agt_7f2k9x' },
      keyId: 'k1',
      acceptUntil: NOW + 60,
      thumbprint: agentKey.thumbprint,
    })
  })

  it('does not mind how a queue reorders the members', () => {
    const { key, agentKey } = anAgent()
    const signed = signedBy(key, { parameters: { b: 1, a: { d: 2, c: 3 } } })
    const reordered = { ...signed, parameters: { a: { c: 3, d: 2 }, b: 1 } }
    expect(verifyNow(reordered, { keys: keySourceOf(agentKey) })).toMatchObject({ nonce: 'b3k2pp5k7z' })
  })

  it('claims the nonce of the key, until the action ends', () => {
    const { key, agentKey } = anAgent()
    const store = createRememberingStore()
    verifyNow(signedBy(key), { keys: keySourceOf(agentKey), store })
    expect(store.claims).toEqual([
      {
        id: createHash('sha256').update(`action\n${agentKey.thumbprint}\nb3k2pp5k7z`).digest(),
        thumbprint: agentKey.thumbprint,
        created: NOW,
        acceptUntil: NOW + 60,
        nonce: 'b3k2pp5k7z',
      },
    ])
  })

  it('needs no guard around it', () => {
    const { key, agentKey } = anAgent()
    const environment = standaloneEnvironment({ clock: createFakeClock(NOW * 1000) })
    const verifier = verifyAction({
      keys: keySourceOf(agentKey),
      store: createRememberingStore(),
      audience: 'billing',
      requiredLimits: ['amount'],
    })
    expect(verifier(signedBy(key), environment)).toMatchObject({ agentId: 'agt_7f2k9x' })
    expect(() => verifier(signedBy(key), standaloneEnvironment())).toThrow(
      expect.objectContaining({ code: 'signature_expired' }),
    )
  })

  it('waits for keys and for a store that come later', async () => {
    const { key, agentKey } = anAgent()
    const remembering = createRememberingStore()
    const store = {
      ...remembering,
      claim: async (...given: Parameters<typeof remembering.claim>) => remembering.claim(...given),
    }
    const keys = { name: 'later', findKeys: async () => [agentKey] }
    expect(await verifyNow(signedBy(key), { keys, store })).toMatchObject({ agentId: 'agt_7f2k9x' })
  })

  it.each([
    ['replayed', 'replay_detected'],
    ['unproven', 'freshness_unproven'],
    ['over_quota', 'rate_limited'],
    ['full', 'replay_store_unavailable'],
  ] as const)('refuses when the store says %s', (answer, code) => {
    const { key, agentKey } = anAgent()
    const verdict = refusalOf(signedBy(key), { keys: keySourceOf(agentKey), store: createRememberingStore(answer) })
    expect(verdict).toMatchObject({ code })
    expect(isUnavailable(verdict)).toBe(answer === 'full')
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('connection lost')
      },
    ],
    ['rejects', () => Promise.reject(new Error('connection lost'))],
    ['answers nonsense', () => 'yes' as never],
  ])('refuses when the store %s', async (_what, claim) => {
    const { key, agentKey } = anAgent()
    const store = { ...createRememberingStore(), claim }
    const verdict = await Promise.resolve(refusalOf(signedBy(key), { keys: keySourceOf(agentKey), store })).catch(
      (error) => error,
    )
    expect(verdict).toMatchObject({ code: 'replay_store_unavailable', dependency: 'replay' })
  })

  it('refuses an action that ended while its key was looked for', async () => {
    const { key, agentKey } = anAgent()
    const clock = createFakeClock(NOW * 1000)
    const findKeys = async () => {
      clock.advance(61_000)
      return [agentKey]
    }
    const options = { keys: { name: 'slow', findKeys }, store: createRememberingStore(), audience: 'billing' }
    const verdict = verifyAction({ ...options, requiredLimits: ['amount'] })(
      signedBy(key),
      createTestEnvironment({ clock }),
    )
    await expect(verdict).rejects.toMatchObject({ code: 'signature_expired' })
  })

  it.each([
    ['is too old', NOW + 61, 'signature_expired'],
    ['lies in the future', NOW - 31, 'signature_not_yet_valid'],
  ])('refuses an action that %s', (_what, now, code) => {
    const { key, agentKey } = anAgent()
    expect(refusalOf(signedBy(key), { keys: keySourceOf(agentKey) }, now)).toMatchObject({ code })
  })

  it('lets an action wait as long as toleranceSeconds and expires allow', () => {
    const { key, agentKey } = anAgent()
    const signed = signedBy(key, { expires: NOW + 3600 })
    const options = { keys: keySourceOf(agentKey), toleranceSeconds: 3600 }
    expect(verifyNow(signed, options, NOW + 3599)).toMatchObject({ acceptUntil: NOW + 3600 })
    expect(refusalOf(signed, { keys: keySourceOf(agentKey) }, NOW + 301)).toMatchObject({ code: 'signature_expired' })
  })

  it.each([
    ['revoked', { state: 'revoked' }, 'key_revoked'],
    ['past its end', { notAfter: NOW - 1 }, 'key_expired'],
    ['not valid yet', { notBefore: NOW + 1 }, 'key_not_yet_valid'],
    ['meant for requests', { schemes: ['httpsig'] }, 'key_invalid'],
    ['meant for simple-v0', { schemes: ['simple-v0'] }, 'key_invalid'],
    ['of a suspended agent', { agent: { id: 'agt_7f2k9x', state: 'suspended' } }, 'agent_suspended'],
  ] as const)('refuses a key that is %s', (_what, change, code) => {
    const { key, agentKey } = anAgent()
    expect(refusalOf(signedBy(key), { keys: keySourceOf({ ...agentKey, ...change }) })).toMatchObject({ code })
  })

  it('refuses an action without a limit that must be signed', () => {
    const { key, agentKey } = anAgent()
    const options = { keys: keySourceOf(agentKey), requiredLimits: ['amount'], optionalLimits: [] }
    expect(refusalOf(signedBy(key, { limits: {} }), options)).toMatchObject({ code: 'coverage_insufficient' })
  })

  it('refuses a limit that nobody here enforces', () => {
    const { key, agentKey } = anAgent()
    const signed = signedBy(key, { limits: { amount: { value: 1, currency: 'USD' }, parcels: 3 } })
    expect(refusalOf(signed, { keys: keySourceOf(agentKey) })).toMatchObject({ code: 'request_malformed' })
  })

  it.each([
    ['nothing', null],
    ['a text', 'action'],
    ['a list', []],
  ])('refuses %s', (_what, sent) => {
    expect(refusalOf(sent, { keys: keySourceOf() })).toMatchObject({ code: 'request_malformed' })
  })

  it.each([
    ['another version', { version: 2 }, 'scheme_not_allowed'],
    ['a further member', { urgent: true }, 'request_malformed'],
    ['base64url', { signature: 'a-_=' }, 'signature_malformed'],
    ['no signature', { signature: '' }, 'signature_malformed'],
    ['a currency in lower case', { limits: { amount: { value: 1, currency: 'usd' } } }, 'request_malformed'],
  ])('refuses %s', (_what, change, code) => {
    const { key, agentKey } = anAgent()
    const sent = { ...signedBy(key), ...change }
    expect(refusalOf(sent, { keys: keySourceOf(agentKey) })).toMatchObject({ code })
  })

  it.each([
    [{ audience: '' }, 'ERR_OPTION_MISSING'],
    [{ toleranceSeconds: Number.NaN }, 'ERR_OPTION_INVALID'],
    [{ tolerance: 300 }, 'ERR_OPTION_UNKNOWN'],
    [{ algorithms: [] }, 'ERR_OPTION_INVALID'],
  ])('refuses the options %j at the start', (change, code) => {
    const options = { keys: keySourceOf(), store: createRememberingStore(), audience: 'billing', ...change }
    expect(() => verifyAction(options)).toThrow(expect.objectContaining({ code }))
  })
})

describe('an attacker', () => {
  it.each([
    ['the action', { action: 'Process refund for order #12346' }],
    ['the parameters', { parameters: { order: '12346' } }],
    ['the limit', { limits: { amount: { value: 4201, currency: 'USD' } } }],
    ['the currency', { limits: { amount: { value: 4200, currency: 'EUR' } } }],
    ['the nonce', { nonce: 'another' }],
    ['the end', { expires: NOW + 61 }],
    ['the beginning', { created: NOW + 1 }],
  ])('cannot change %s', (_what, change) => {
    const { key, agentKey } = anAgent()
    const verdict = refusalOf({ ...signedBy(key), ...change }, { keys: keySourceOf(agentKey) })
    expect(verdict).toMatchObject({ code: 'signature_invalid' })
  })

  it('cannot have an action executed twice', () => {
    const { key, agentKey } = anAgent()
    const options = { keys: keySourceOf(agentKey), store: createRememberingStore() }
    verifyNow(signedBy(key), options)
    expect(refusalOf(signedBy(key), options)).toMatchObject({ code: 'replay_detected' })
  })

  it('cannot bring an action to another party', () => {
    const { key, agentKey } = anAgent()
    const verdict = refusalOf(signedBy(key), { keys: keySourceOf(agentKey), audience: 'payroll' })
    expect(verdict).toMatchObject({ code: 'authority_mismatch' })
  })

  it('cannot sign as somebody else', () => {
    const { agentKey } = anAgent()
    const mallory = anAgent()
    expect(refusalOf(signedBy(mallory.key), { keys: keySourceOf(agentKey) })).toMatchObject({
      code: 'signature_invalid',
    })
  })

  it('cannot sign as nobody', () => {
    const { key } = anAgent()
    expect(refusalOf(signedBy(key), { keys: keySourceOf() })).toMatchObject({ code: 'key_unknown' })
  })

  it('cannot sign as somebody else where the source looks at key ids alone', () => {
    const { agentKey } = anAgent()
    const mallory = anAgent()
    const other = { ...mallory.agentKey, agent: { ...agentKey.agent, id: 'agt_mallory' } }
    const keys = { name: 'careless', findKeys: () => [other] }
    expect(refusalOf(signedBy(mallory.key), { keys })).toMatchObject({ code: 'agent_mismatch' })
  })

  it.each([Promise.resolve(false), {}, 1, 'true', []])('gains nothing from a verifier that answers %p', (answer) => {
    const { agentKey } = anAgent()
    const verifier = { name: 'broken', verify: () => answer, verifyInThreadPool: async () => answer } as object
    const environment = createTestEnvironment({
      clock: createFakeClock(NOW * 1000),
      verifier: verifier as SignatureVerifier,
    })
    const judge = verifyAction({
      keys: keySourceOf(agentKey),
      store: createRememberingStore(),
      audience: 'billing',
      optionalLimits: ['amount'],
    })
    const forged = signedBy(anAgent().key)
    expect(() => judge(forged, environment)).toThrow(expect.objectContaining({ code: 'signature_invalid' }))
  })

  it('does not use up the nonce with a bad signature', () => {
    const { key, agentKey } = anAgent()
    const options = { keys: keySourceOf(agentKey), store: createRememberingStore() }
    refusalOf({ ...signedBy(key), audience: 'billing', action: 'other' }, options)
    expect(verifyNow(signedBy(key), options)).toMatchObject({ nonce: 'b3k2pp5k7z' })
  })

  it('cannot change the parameters after they were checked', () => {
    const { key, agentKey } = anAgent()
    const sent = structuredClone(signedBy(key)) as { parameters: unknown }
    const verified = verifyNow(sent, { keys: keySourceOf(agentKey) })
    sent.parameters = { order: '1' }
    expect(verified).toMatchObject({ parameters: { order: '12345' } })
  })
})

function anAgent() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const agentKey: AgentKey = {
    ...importPublicKey(publicKey),
    agent: { id: 'agt_7f2k9x', state: 'active' },
    keyId: 'k1',
    state: 'active',
    notBefore: undefined,
    notAfter: undefined,
    schemes: undefined,
  }
  return { key: privateKey, publicKey, agentKey }
}

function anAction(key: KeyObject): ActionToSign {
  return {
    action: 'Process refund for order #12345',
    parameters: { order: '12345' },
    audience: 'billing',
    agentId: 'agt_7f2k9x',
    keyId: 'k1',
    key,
    created: NOW,
    expires: NOW + 60,
    nonce: 'b3k2pp5k7z',
    limits: { amount: { value: 4200, currency: 'USD' } },
  }
}

function signedBy(key: KeyObject, change: Partial<ActionToSign> = {}): SignedAction {
  const signed = signAction({ ...anAction(key), ...change })
  if (signed instanceof Promise) throw new TypeError('a key at hand signs at once')
  return signed
}

function verifyNow(sent: unknown, options: Partial<ActionVerifierOptions>, now: number = NOW) {
  const { keys = keySourceOf(), store = createRememberingStore(), audience = 'billing', ...rest } = options
  const verifier = verifyAction({ keys, store, audience, requiredLimits: ['amount'], ...rest })
  return verifier(sent, createTestEnvironment({ clock: createFakeClock(now * 1000) }))
}

function refusalOf(sent: unknown, options: Partial<ActionVerifierOptions>, now?: number): unknown {
  try {
    return verifyNow(sent, options, now)
  } catch (error) {
    return error
  }
}
