import { createHash } from 'node:crypto'
import {
  type AgentKey,
  type AgentRequest,
  isRefusal,
  type KeySource,
  type SignatureVerifier,
  Unavailable,
} from '@countermark/core'
import type { SignatureAlgorithm } from '@countermark/core/internal'
import {
  agentKeyOf,
  aRequest,
  createFakeClock,
  createTestAgent,
  createTestEnvironment,
  keySourceOf,
  type TestAgent,
} from '@countermark/testing'
import { httpSignatures, type SignatureFacts, type VerifySignatureOptions, verifySignature } from '../src/index.ts'
import { simpleHeaders } from '../src/simple/simple-headers.ts'
import { judge, received, signedBy } from './run-check.ts'

const POST = {
  url: 'https://api.example.com/v1/refunds?dry_run=false',
  body: '{"amount":4200}',
  headers: { 'Content-Type': 'application/json' },
} as const
const GET = { url: 'https://api.example.com/v1/orders' } as const

async function aScene(algorithm: SignatureAlgorithm = 'ed25519') {
  const clock = createFakeClock()
  const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm, clock })
  return { clock, agent, environment: createTestEnvironment({ clock }) }
}

/** The code of a request by the agent, with some of its key changed or the check configured otherwise. */
async function verdict(
  request: Parameters<typeof signedBy>[1],
  key: Partial<AgentKey> = {},
  options: Partial<VerifySignatureOptions> = {},
): Promise<string> {
  const { agent, environment } = await aScene()
  const keys = keySourceOf(agentKeyOf(agent, key))
  const outcome = await judge(await signedBy(agent, request), environment, { keys, ...options })
  return isRefusal(outcome) ? outcome.code : 'accepted'
}

describe('verifySignature', () => {
  it('tells who called and what was signed', async () => {
    const { agent, environment, clock } = await aScene()
    const signed = await agent.signRequest({ ...POST, nonce: 'n-1' })
    const facts = await judge(received(signed), environment, { keys: keySourceOf(agent) })
    expect(facts).toMatchObject({
      agent: { id: 'agt_buyer', level: 'signed', scheme: 'httpsig', record: { id: 'agt_buyer', state: 'active' } },
      proof: {
        keyId: agent.keyId,
        thumbprint: agent.keyId,
        algorithm: 'ed25519',
        created: clock.seconds(),
        acceptUntil: clock.seconds() + 60,
        nonce: 'n-1',
        label: 'sig1',
        tag: 'agent-auth',
        baseHash: createHash('sha256').update(signed.base).digest('base64'),
      },
    })
  })

  it('hands on the signed bytes and what they cover, as evidence', async () => {
    const { agent, environment } = await aScene()
    const signed = await agent.signRequest(POST)
    const { proof } = (await judge(received(signed), environment, { keys: keySourceOf(agent) })) as SignatureFacts
    expect(Buffer.from(proof.signed.base).equals(signed.base)).toBe(true)
    expect(Buffer.from(proof.signed.signature).equals(signed.signature)).toBe(true)
    expect(['content-type', '@query', 'cookie'].map(proof.covers)).toEqual([true, true, false])
  })

  it('hands on a proof that says as much when it is spread or written as JSON', async () => {
    const { agent, environment } = await aScene()
    const signed = await agent.signRequest(POST)
    const { proof } = (await judge(received(signed), environment, { keys: keySourceOf(agent) })) as SignatureFacts
    const baseHash = createHash('sha256').update(signed.base).digest('base64')
    expect({ ...proof }).toMatchObject({ baseHash, keyId: agent.keyId, covers: proof.covers, signed: proof.signed })
    expect(JSON.parse(JSON.stringify(proof))).toMatchObject({ baseHash, keyId: agent.keyId })
    expect([Object.keys(proof).includes('baseHash'), Object.assign({}, proof).baseHash]).toEqual([true, baseHash])
    expect(proof.baseHash).toBe(proof.baseHash)
  })

  it('answers at once when key and body are at hand', async () => {
    const { agent, environment } = await aScene()
    const check = verifySignature({ keys: keySourceOf(agent), replay: 'elsewhere' })
    expect(check(await signedBy(agent, POST), {}, environment)).not.toBeInstanceOf(Promise)
  })

  it('waits for keys and body that come later', async () => {
    const { agent, environment } = await aScene()
    const known = keySourceOf(agent)
    const keys: KeySource = { name: 'slow', findKeys: async (...query) => known.findKeys(...query) }
    const request = await signedBy(agent, POST)
    const body = request.body()
    const outcome = judge({ ...request, body: async () => body }, environment, { keys })
    expect(await outcome).toMatchObject({ agent: { id: 'agt_buyer' } })
  })

  it('reads no body before the signature holds', async () => {
    const { agent, environment } = await aScene()
    const request = await signedBy(agent, { ...POST, tamper: { sent: { target: '/v1/other' } } })
    const body = (): never => {
      throw new Error('read too early')
    }
    expect(await judge({ ...request, body }, environment, { keys: keySourceOf(agent) })).toMatchObject({
      code: 'signature_invalid',
    })
  })

  it.each(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)('accepts %s', async (algorithm) => {
    const { agent, environment } = await aScene(algorithm)
    const outcome = await judge(await signedBy(agent, POST), environment, { keys: keySourceOf(agent) })
    expect(outcome).toMatchObject({ proof: { algorithm } })
  })

  it.each(['ecdsa-p384-sha384', 'rsa-v1_5-sha256'] as const)('accepts %s only when it is named', async (algorithm) => {
    const { agent, environment } = await aScene(algorithm)
    const request = await signedBy(agent, POST)
    const keys = keySourceOf(agent)
    expect(await judge(request, environment, { keys })).toMatchObject({ code: 'algorithm_not_allowed' })
    const accept = [httpSignatures({ algorithms: [algorithm] })]
    expect(await judge(request, environment, { keys, accept })).toMatchObject({ proof: { algorithm } })
  })

  it('narrows what the forms allow', async () => {
    expect(await verdict(GET, {}, { algorithms: ['ecdsa-p256-sha256'] })).toBe('algorithm_not_allowed')
    expect(await verdict(GET, {}, { algorithms: ['ed25519'] })).toBe('accepted')
  })
})

describe('verifySignature and keys', () => {
  const now = createFakeClock().seconds()

  it.each([
    ['a revoked key', { state: 'revoked' }, 'key_revoked'],
    ['a key past its end', { notAfter: now - 1 }, 'key_expired'],
    ['a key at its end', { notAfter: now }, 'accepted'],
    ['a key before its time', { notBefore: now + 1 }, 'key_not_yet_valid'],
    ['a key of its time', { notBefore: now }, 'accepted'],
    ['a key for another form', { schemes: ['simple-v1'] }, 'key_invalid'],
    ['a key for the oldest form, whatever else it claims', { schemes: ['simple-v0', 'httpsig'] }, 'key_invalid'],
    ['a key for this form', { schemes: ['httpsig'] }, 'accepted'],
    ['a suspended agent', { agent: { id: 'agt_buyer', state: 'suspended' } }, 'agent_suspended'],
    ['a retired agent', { agent: { id: 'agt_buyer', state: 'retired' } }, 'agent_suspended'],
    ['an unknown key', { keyId: 'another' }, 'key_unknown'],
  ] as const)('judges %s', async (_name, key, expected) => expect(await verdict(GET, key)).toBe(expected))

  it('does not tell a stranger that an agent is suspended', async () => {
    const key = { agent: { id: 'agt_buyer', state: 'suspended' } } as const
    const tamper = { signature: () => new Uint8Array(64) }
    expect(await verdict({ ...GET, tamper }, key)).toBe('signature_invalid')
  })

  it('refuses the name of another agent, even when the source does not look at it', async () => {
    const { agent, environment } = await aScene()
    const keys: KeySource = { name: 'by key id', findKeys: () => [agentKeyOf(agent)] }
    const request = await signedBy(agent, { ...GET, agentId: 'agt_victim' })
    expect(await judge(request, environment, { keys })).toMatchObject({ code: 'agent_mismatch' })
  })

  it('asks for agent and key at once', async () => {
    const { agent, environment } = await aScene()
    const findKeys = jest.fn(() => [])
    await judge(await signedBy(agent, GET), environment, { keys: { name: 'asked', findKeys } })
    const query = { agentId: 'agt_buyer', keyId: agent.keyId, isAgentCovered: true }
    const caller = expect.objectContaining({ remoteAddress: '192.0.2.1' })
    expect(findKeys).toHaveBeenCalledWith(query, environment, caller)
  })

  it('tries all keys of one id while one replaces the other', async () => {
    const { agent, environment } = await aScene()
    const older = await createTestAgent({ agentId: 'agt_buyer', keyId: agent.keyId })
    const revoked = agentKeyOf(older, { state: 'revoked' })
    const keys = keySourceOf(revoked, agentKeyOf(older), agentKeyOf(agent))
    expect(await judge(await signedBy(agent, GET), environment, { keys })).toMatchObject({
      proof: { thumbprint: agent.thumbprint },
    })
  })

  it('tries four keys at most', async () => {
    const { agent, environment } = await aScene()
    const others = await Promise.all(
      Array.from({ length: 4 }, () => createTestAgent({ agentId: 'agt_buyer', keyId: agent.keyId })),
    )
    const keys = keySourceOf(...others, agent)
    expect(await judge(await signedBy(agent, GET), environment, { keys })).toMatchObject({ code: 'signature_invalid' })
  })

  it('passes on that the source cannot tell', async () => {
    const { agent, environment } = await aScene()
    const findKeys = async (): Promise<never> => {
      throw new Unavailable('key_source_unavailable', 'keys', 'the registry does not answer')
    }
    const outcome = await judge(await signedBy(agent, GET), environment, { keys: { name: 'down', findKeys } })
    expect(outcome).toMatchObject({ code: 'key_source_unavailable' })
  })
})

describe('verifySignature and forms', () => {
  it.each([
    ['nothing', [], 'credentials_missing'],
    ['Signature-Input alone', [['Signature-Input', 's=()']], 'signature_malformed'],
    ['Signature alone', [['Signature', 's=:AAAA:']], 'signature_malformed'],
    ['an Authorization of another kind', [['Authorization', 'Signature keyId="a"']], 'credentials_missing'],
  ] as const)('given %s', async (_name, headers, expected) => {
    const { agent, environment } = await aScene()
    expect(await judge(aRequest({ headers }), environment, { keys: keySourceOf(agent) })).toMatchObject({
      code: expected,
    })
  })

  it('accepts both forms by default, and names each', async () => {
    const { agent, environment } = await aScene()
    const outcome = await judge(await signedBy(agent, { ...POST, form: 'simple-v1' }), environment, {
      keys: keySourceOf(agent),
    })
    expect(outcome).toMatchObject({ agent: { scheme: 'simple-v1' } })
  })

  it('refuses a form that is not accepted', async () => {
    expect(await verdict(POST, {}, { accept: [simpleHeaders({ version: 1 })] })).toBe('scheme_not_allowed')
    expect(await verdict({ ...POST, form: 'simple-v1' }, {}, { accept: [httpSignatures()] })).toBe('scheme_not_allowed')
    expect(await verdict({ ...POST, form: 'simple-v0' })).toBe('scheme_not_allowed')
  })

  it('never falls back to a weaker form', async () => {
    const { agent, environment } = await aScene()
    const simple = await agent.signRequest({ ...POST, form: 'simple-v1' })
    const headerLines = [...simple.headerLines, ['Signature-Input', 'sig1=("@method");created=1'] as const]
    const outcome = await judge(received({ ...simple, headerLines }), environment, { keys: keySourceOf(agent) })
    expect(outcome).toMatchObject({ code: 'signature_malformed' })
  })
})

describe('verifySignature and several signatures', () => {
  it('takes the first that holds, whoever else signed', async () => {
    const { agent, environment, clock } = await aScene()
    const stranger = await createTestAgent({ agentId: 'agt_stranger', clock })
    const request = await twiceSigned(stranger, agent)
    expect(await judge(request, environment, { keys: keySourceOf(agent) })).toMatchObject({
      agent: { id: 'agt_buyer' },
      proof: { label: 'b' },
    })
  })

  it('does so when the keys come later', async () => {
    const { agent, environment, clock } = await aScene()
    const stranger = await createTestAgent({ agentId: 'agt_stranger', clock })
    const known = keySourceOf(agent)
    const keys: KeySource = { name: 'slow', findKeys: async (...query) => known.findKeys(...query) }
    expect(await judge(await twiceSigned(stranger, agent), environment, { keys })).toMatchObject({
      proof: { label: 'b' },
    })
  })

  it('names the first refusal when none holds', async () => {
    const { agent, environment, clock } = await aScene()
    const stranger = await createTestAgent({ agentId: 'agt_stranger', clock })
    const keys = keySourceOf(agentKeyOf(agent, { state: 'revoked' }))
    expect(await judge(await twiceSigned(agent, stranger), environment, { keys })).toMatchObject({
      code: 'key_revoked',
    })
    expect(await judge(await twiceSigned(stranger, agent), environment, { keys })).toMatchObject({
      code: 'key_unknown',
    })
  })
})

describe('an attacker', () => {
  const changes = {
    'swap the method': { method: 'DELETE' },
    'swap the host': { authority: 'other.example.com' },
    'swap the path': { target: '/v1/orders?dry_run=false' },
    'swap the query': { target: '/v1/refunds?dry_run=true' },
  } as const

  it.each(Object.entries(changes))('cannot %s', async (_name, sent) => {
    expect(await verdict({ ...POST, tamper: { sent } })).toBe('signature_invalid')
  })

  it('cannot change the body', async () => {
    expect(await verdict({ ...POST, tamper: { sent: { body: Buffer.from('{"amount":9999}') } } })).toBe(
      'digest_mismatch',
    )
  })

  it.each(['Content-Type', 'Agent-ID', 'Content-Digest'])('cannot change %s', async (changed) => {
    const headerLines = (lines: readonly (readonly [string, string])[]) =>
      lines.map(([name, value]) => [name, name === changed ? `${value}x` : value] as const)
    expect(await verdict({ ...POST, tamper: { headerLines } })).not.toBe('accepted')
  })

  it.each(['Content-Type', 'Agent-ID'])('cannot take %s away', async (removed) => {
    const headerLines = (lines: readonly (readonly [string, string])[]) => lines.filter(([name]) => name !== removed)
    expect(await verdict({ ...POST, tamper: { headerLines } })).toBe('signature_invalid')
  })

  it.each([
    ['one bit flipped', (bytes: Uint8Array) => bytes.map((byte, index) => (index === 5 ? byte ^ 1 : byte))],
    ['zeros', () => new Uint8Array(64)],
    ['nothing', () => new Uint8Array()],
    ['a byte too many', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
    ['a byte too few', (bytes: Uint8Array) => bytes.slice(1)],
  ])('cannot pass %s as a signature', async (_name, signature) => {
    expect(await verdict({ ...GET, tamper: { signature } })).toBe('signature_invalid')
  })

  it.each([false, undefined, null, {}, 1, 'true', []])(
    'gains nothing from a verifier that answers %p',
    async (answer) => {
      const { agent, clock } = await aScene()
      const verifier = { name: 'broken', verify: () => answer, verifyInThreadPool: async () => answer } as object
      const environment = createTestEnvironment({ clock, verifier: verifier as SignatureVerifier })
      const outcome = await judge(await signedBy(agent, GET), environment, { keys: keySourceOf(agent) })
      expect(outcome).toMatchObject({ code: 'signature_invalid' })
    },
  )
})

describe('verifySignature in development', () => {
  it('shows both signature bases, and where they part', async () => {
    const { agent, clock } = await aScene()
    const signed = await agent.signRequest({ ...POST, headers: { Authorization: 'Bearer secret-token' }, nonce: 'n' })
    const sentBase = Buffer.from(signed.base).toString('base64')
    const headerLines = [...signed.headerLines, ['Signature-Base', sentBase] as const]
    const environment = createTestEnvironment({ clock, development: true })
    const request = received({ ...signed, headerLines, target: '/v1/other?dry_run=false' })
    const outcome = await judge(request, environment, { keys: keySourceOf(agent) })
    const { diagnosis } = outcome as { readonly diagnosis?: Readonly<Record<string, unknown>> }
    expect(diagnosis).toMatchObject({ firstDifferentLine: 3 })
    expect(diagnosis?.['expected']).toContain('"@path": /v1/other')
    expect(diagnosis?.['received']).toContain('"@path": /v1/refunds')
    expect(JSON.stringify(diagnosis)).not.toContain('secret-token')
  })

  it('shows nothing otherwise', async () => {
    const { agent, environment } = await aScene()
    const request = await signedBy(agent, { ...GET, tamper: { signature: () => new Uint8Array(64) } })
    const outcome = await judge(request, environment, { keys: keySourceOf(agent) })
    expect(outcome).toMatchObject({ code: 'signature_invalid', diagnosis: undefined })
  })
})

describe('verifySignature at start-up', () => {
  const keys: KeySource = { name: 'none', findKeys: () => [] }

  it('needs something that catches replays', () => {
    const { description } = verifySignature({ keys })
    const freshness = { name: 'preventReplay', needs: ['proof'], adds: ['freshness'] }
    expect(() => description?.inspect?.({ checks: [] })).toThrow(
      expect.objectContaining({ code: 'ERR_REPLAY_MISSING' }),
    )
    expect(() => description?.inspect?.({ checks: [freshness] })).not.toThrow()
    const elsewhere = verifySignature({ keys, replay: 'elsewhere' }).description
    expect(() => elsewhere?.inspect?.({ checks: [] })).not.toThrow()
  })

  it.each([
    [{}, 'ERR_OPTION_MISSING'],
    [{ keys: [] }, 'ERR_OPTION_MISSING'],
    [{ keys, accept: [] }, 'ERR_OPTION_INVALID'],
    [{ keys, replay: 'never' }, 'ERR_OPTION_INVALID'],
    [{ keys, algorithms: ['hmac-sha256'] }, 'ERR_OPTION_INVALID'],
    [{ keys, key: [] }, 'ERR_OPTION_UNKNOWN'],
  ])('does not start with %j', (options, code) => {
    expect(() => verifySignature(options as VerifySignatureOptions)).toThrow(expect.objectContaining({ code }))
  })

  it('says where an option of a form belongs', () => {
    const options = { keys, toleranceSeconds: 60 } as VerifySignatureOptions
    expect(() => verifySignature(options)).toThrow('accept: [httpSignatures({ toleranceSeconds })]')
  })
})

/** One request with two signatures, the first by `first` under label a, the second by `second` under label b. */
async function twiceSigned(first: TestAgent, second: TestAgent): Promise<AgentRequest> {
  const a = await first.signRequest({ ...GET, label: 'a', agentId: null })
  const b = await second.signRequest({ ...GET, label: 'b', agentId: null })
  return received({
    ...a,
    headerLines: [...a.headerLines, ...b.headerLines.filter(([name]) => name.startsWith('Signature'))],
  })
}
