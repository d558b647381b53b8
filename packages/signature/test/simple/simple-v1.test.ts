import { createHash } from 'node:crypto'
import { type AgentRequest, type HeaderField, Refusal } from '@countermark/core'
import { agentKeyOf, aRequest, createTestAgent, createTestEnvironment, keySourceOf } from '@countermark/testing'
import { simpleHeaders } from '../../src/simple/simple-headers.ts'
import { aScene, createSimpleJudge } from '../judge-simple.ts'

const V1 = simpleHeaders({ version: 1 })
const ORDER = {
  url: 'https://api.example.com/orders?dry_run=false',
  body: '{"item":"kettle"}',
  form: 'simple-v1',
} as const

describe('simpleHeaders version 1', () => {
  it('accepts what an independent agent signed', async () => {
    const { agent, judge, clock } = await aScene(V1)
    const facts = await judge(aRequest(await agent.signRequest({ ...ORDER, nonce: 'n-1' })))
    expect(facts.agent).toEqual({ id: 'agt_buyer', level: 'signed', scheme: 'simple-v1', record: expect.anything() })
    expect(facts.proof).toMatchObject({
      scheme: 'simple-v1',
      algorithm: 'ed25519',
      thumbprint: agent.thumbprint,
      created: clock.seconds(),
      acceptUntil: clock.seconds() + 300,
      nonce: 'n-1',
      label: undefined,
      tag: undefined,
    })
  })

  it('keeps the signed bytes as evidence and names them by their hash', async () => {
    const { agent, judge } = await aScene(V1)
    const signed = await agent.signRequest(ORDER)
    const { proof } = await judge(aRequest(signed))
    expect(Buffer.from(proof.signed.base).equals(signed.base)).toBe(true)
    expect(proof.baseHash).toBe(createHash('sha256').update(signed.base).digest('base64'))
  })

  it.each([
    ['GET without a body', { url: 'https://api.example.com/orders' }],
    ['an empty body', { url: 'https://api.example.com/orders', body: '' }],
    ['a token', { ...ORDER, headers: { Authorization: 'Bearer eyJ.eyJ.sig' } }],
    ['a body of bytes', { ...ORDER, body: Uint8Array.of(0, 255, 10) }],
    ['a method in lower case', { ...ORDER, method: 'post' }],
    ['an odd path', { ...ORDER, url: 'https://api.example.com//a/%2e%2E/b;c?&=%' }],
  ])('accepts %s', async (_what, request) => {
    const { agent, codeOf } = await aScene(V1)
    expect(await codeOf(aRequest(await agent.signRequest({ ...request, form: 'simple-v1' })))).toBe('accepted')
  })

  it.each(['ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512', 'rsa-v1_5-sha256'] as const)(
    'accepts %s where it is allowed',
    async (algorithm) => {
      const environment = createTestEnvironment()
      const agent = await createTestAgent({ agentId: 'agt_buyer', algorithm, clock: environment.clock })
      const scheme = simpleHeaders({ version: 1, algorithms: [algorithm] })
      const { codeOf } = createSimpleJudge(scheme, keySourceOf(agent), environment)
      expect(await codeOf(aRequest(await agent.signRequest(ORDER)))).toBe('accepted')
    },
  )

  it('refuses a key whose algorithm is not allowed', async () => {
    const environment = createTestEnvironment()
    const agent = await createTestAgent({
      agentId: 'agt_buyer',
      algorithm: 'rsa-v1_5-sha256',
      clock: environment.clock,
    })
    const { codeOf } = createSimpleJudge(V1, keySourceOf(agent), environment)
    expect(await codeOf(aRequest(await agent.signRequest(ORDER)))).toBe('algorithm_not_allowed')
  })

  it('answers at once when the key and the body are here', async () => {
    const { agent, judge } = await aScene(V1)
    expect(judge(aRequest(await agent.signRequest(ORDER)))).toMatchObject({ agent: { id: 'agt_buyer' } })
  })

  it('waits for a body that comes later', async () => {
    const { agent, codeOf } = await aScene(V1)
    const request = aRequest(await agent.signRequest(ORDER))
    const later = { ...request, body: async () => request.body() }
    expect(await codeOf(later)).toBe('accepted')
  })

  it('covers method, host, target, agent, time, nonce, body and token, and nothing else', async () => {
    const { agent, judge } = await aScene(V1)
    const { proof } = await judge(aRequest(await agent.signRequest(ORDER)))
    const covered = [
      '@method',
      '@authority',
      '@path',
      '@query',
      'agent-id',
      'timestamp',
      'nonce',
      'content-digest',
      'authorization',
    ]
    expect(covered.filter((component) => !proof.covers(component))).toEqual([])
    expect(['content-type', '@scheme', 'cookie', 'key-id', 'agent-delegation'].filter(proof.covers)).toEqual([])
  })

  it('covers Agent-Delegation instead of Authorization where that is sent', async () => {
    const environment = createTestEnvironment()
    const agent = await createTestAgent({ agentId: 'agt_buyer', clock: environment.clock })
    const { judge } = createSimpleJudge(V1, keySourceOf(agent), environment)
    const hash = createHash('sha256').update('eyJ.eyJ.sig').digest('base64')
    const signed = await agent.signRequest({
      ...ORDER,
      headers: { Authorization: 'Basic Ym9iOng=', 'Agent-Delegation': 'eyJ.eyJ.sig' },
      tamper: { base: (base) => base.replace(/[^\n]*$/, hash) },
    })
    const { proof } = await judge(aRequest(signed))
    expect([proof.covers('agent-delegation'), proof.covers('authorization')]).toEqual([true, false])
  })

  it('lets Key-ID choose among overlapping keys', async () => {
    const environment = createTestEnvironment()
    const [old, current] = await Promise.all(
      ['k1', 'k2'].map((keyId) => createTestAgent({ agentId: 'agt_buyer', keyId, clock: environment.clock })),
    )
    if (old === undefined || current === undefined) throw new TypeError('two agents were created')
    const keys = keySourceOf(agentKeyOf(old, { state: 'revoked' }), current)
    const { codeOf } = createSimpleJudge(V1, keys, environment)
    expect(await codeOf(aRequest(await current.signRequest({ ...ORDER, keyId: 'k2' })))).toBe('accepted')
    expect(await codeOf(aRequest(await current.signRequest(ORDER)))).toBe('accepted')
    expect(await codeOf(aRequest(await old.signRequest({ ...ORDER, keyId: 'k1' })))).toBe('key_revoked')
  })

  it('reads header fields by other names', async () => {
    const headers = { agentId: 'X-Agent-ID', timestamp: 'X-Agent-Timestamp', signature: 'X-Agent-Signature' }
    const { agent, codeOf } = await aScene(simpleHeaders({ version: 1, headers }))
    const renamed = (lines: readonly HeaderField[]): readonly HeaderField[] =>
      lines.map(([name, value]) => [name.replace(/^(Agent-ID|Timestamp|Signature)$/, rename), value])
    const signed = await agent.signRequest({ ...ORDER, tamper: { headerLines: renamed } })
    expect(await codeOf(aRequest(signed))).toBe('accepted')
    expect(await codeOf(aRequest(await agent.signRequest(ORDER)))).toBe('scheme_not_allowed')
  })

  it.each([
    [300, 0, 'accepted'],
    [301, 0, 'signature_expired'],
    [0, 30, 'accepted'],
    [0, 31, 'signature_not_yet_valid'],
  ])('judges a request %i s old and %i s ahead', async (old, ahead, code) => {
    const { agent, codeOf, clock } = await aScene(V1)
    expect(await codeOf(aRequest(await agent.signRequest({ ...ORDER, created: clock.seconds() - old + ahead })))).toBe(
      code,
    )
  })

  it.each([
    ['Timestamp', '17672256000'],
    ['Timestamp', '1767225600.0'],
    ['Timestamp', ' 767225600'],
    ['Timestamp', '+767225600'],
    ['Timestamp', 'NaN'],
    ['Timestamp', '１７６７２２５６００'],
    ['Agent-ID', '__proto__'],
    ['Agent-ID', 'a b'],
    ['Agent-ID', ''],
    ['Nonce', ''],
    ['Nonce', 'a,b'],
    ['Nonce', 'x'.repeat(129)],
    ['Signature', ''],
    ['Signature', 'AAAA'],
    ['Signature', `${'A'.repeat(85)}B==`],
    ['Signature', `${'-'.repeat(86)}==`],
    ['Signature', `sig1=:${'A'.repeat(86)}==:`],
  ])('refuses %s: %j as malformed', async (name, value) => {
    const { agent, codeOf } = await aScene(V1)
    expect(await codeOf(aRequest(await agent.signRequest({ ...ORDER, ...sent(name, value) })))).toBe(
      'signature_malformed',
    )
  })

  it.each(['2', '0', '01', '1, 1', ''])('refuses version %j', async (version) => {
    const { agent, codeOf } = await aScene(V1)
    const signed = await agent.signRequest({ ...ORDER, ...sent('Agent-Auth-Version', version) })
    expect(await codeOf(aRequest(signed))).toBe('scheme_not_allowed')
  })

  it.each(['Agent-ID', 'Agent-Auth-Version', 'Timestamp', 'Nonce', 'Signature', 'Authorization'])(
    'refuses a second %s',
    async (name) => {
      const { agent, codeOf } = await aScene(V1)
      const headers = { Authorization: 'Bearer eyJ' }
      const twice = (lines: readonly HeaderField[]) =>
        lines.flatMap((line) => (line[0] === name ? [line, line] : [line]))
      const signed = await agent.signRequest({ ...ORDER, headers, tamper: { headerLines: twice } })
      expect(await codeOf(aRequest(signed))).toBe('request_malformed')
    },
  )

  it.each([
    ['Nonce', 'nonce_missing'],
    ['Agent-ID', 'signature_malformed'],
    ['Timestamp', 'signature_malformed'],
    ['Agent-Auth-Version', 'scheme_not_allowed'],
    ['Signature', 'credentials_missing'],
  ])('refuses a request without %s', async (name, code) => {
    const { agent, codeOf } = await aScene(V1)
    const without = (lines: readonly HeaderField[]) => lines.filter(([field]) => field !== name)
    expect(await codeOf(aRequest(await agent.signRequest({ ...ORDER, tamper: { headerLines: without } })))).toBe(code)
  })

  it.each([
    ['an agent that is not known', { agentId: 'agt_other' }, 'key_unknown'],
    ['an agent id that is none', { agentId: '__proto__' }, 'signature_malformed'],
    ['a time long ago', { created: 1_000_000_000 }, 'signature_expired'],
    ['a body announced too large', { body: 'x'.repeat(2000) }, 'body_too_large'],
  ])('reads no byte of the body for %s', async (_what, change, code) => {
    const { agent, codeOf } = await aScene(simpleHeaders({ version: 1, maxBodyBytes: 1999 }))
    const request = aRequest(await agent.signRequest({ ...ORDER, ...change }))
    const unreadable: AgentRequest = {
      ...request,
      body: () => {
        throw new Error('the body was read')
      },
    }
    expect(await codeOf(unreadable)).toBe(code)
  })

  it('refuses a body that turns out too large', async () => {
    const { agent, codeOf } = await aScene(simpleHeaders({ version: 1, maxBodyBytes: 3 }))
    const request = aRequest(await agent.signRequest({ ...ORDER, body: 'four' }))
    expect(await codeOf({ ...request, contentLength: undefined })).toBe('body_too_large')
  })

  it('challenges with the fields to send and a nonce to sign', async () => {
    const refusal = new Refusal('freshness_unproven', 'sign again')
    const environment = createTestEnvironment()
    const context = { refusal, request: aRequest(), environment, nonce: 'fresh-1' }
    const challenge = 'Agent-Auth version="1", headers="agent-id agent-auth-version timestamp nonce signature"'
    expect(V1.challenge(context)).toEqual([['WWW-Authenticate', `${challenge}, nonce="fresh-1"`]])
    expect(V1.challenge({ ...context, nonce: undefined })).toEqual([['WWW-Authenticate', challenge]])
    expect(V1.challenge({ ...context, refusal: new Refusal('key_revoked', 'revoked') })).toEqual([])
  })

  it.each([
    [{ version: 2 }, 'ERR_OPTION_INVALID'],
    [{}, 'ERR_OPTION_INVALID'],
    [{ version: 1, routes: ['POST /'] }, 'ERR_OPTION_UNKNOWN'],
    [{ version: 1, algorithms: [] }, 'ERR_OPTION_INVALID'],
    [{ version: 1, algorithms: ['hmac-sha256'] }, 'ERR_OPTION_INVALID'],
    [{ version: 1, toleranceSeconds: Number.NaN }, 'ERR_OPTION_INVALID'],
    [{ version: 1, headers: { agentID: 'X' } }, 'ERR_OPTION_UNKNOWN'],
    [{ version: 1, headers: { agentId: 'Authorization' } }, 'ERR_OPTION_INVALID'],
    [{ version: 1, headers: { agentId: 'timestamp' } }, 'ERR_OPTION_INVALID'],
    [{ version: 1, headers: { agentId: 'a b' } }, 'ERR_OPTION_INVALID'],
  ])('refuses the options %j at the start', (options, code) => {
    expect(() => simpleHeaders(options as never)).toThrow(expect.objectContaining({ code }))
  })
})

describe('an attacker of simple-v1', () => {
  it.each([
    ['the method', { method: 'PUT' }],
    ['the path', { target: '/refunds?dry_run=false' }],
    ['the query', { target: '/orders?dry_run=true' }],
    ['the host', { authority: 'api.other.example' }],
    ['the body', { body: Buffer.from('{"item":"piano"}') }],
  ])('cannot change %s', async (_what, change) => {
    const { agent, codeOf } = await aScene(V1)
    expect(await codeOf(aRequest(await agent.signRequest({ ...ORDER, tamper: { sent: change } })))).toBe(
      'signature_invalid',
    )
  })

  it.each([
    ['Nonce', 'another'],
    ['Timestamp', '1767225601'],
    ['Authorization', 'Bearer another'],
  ])('cannot change %s', async (name, value) => {
    const { agent, codeOf } = await aScene(V1)
    const headers = { Authorization: 'Bearer eyJ' }
    const signed = await agent.signRequest({ ...ORDER, headers, ...sent(name, value) })
    expect(await codeOf(aRequest(signed))).toBe('signature_invalid')
  })

  it.each([
    ['take the token away', (lines: readonly HeaderField[]) => lines.filter(([name]) => name !== 'Authorization')],
    ['add a second kind of token', (lines: readonly HeaderField[]) => [...lines, ['Agent-Delegation', 'eyJ'] as const]],
  ])('cannot %s', async (_what, headerLines) => {
    const { agent, codeOf } = await aScene(V1)
    const signed = await agent.signRequest({
      ...ORDER,
      headers: { Authorization: 'Bearer eyJ' },
      tamper: { headerLines },
    })
    expect(await codeOf(aRequest(signed))).toBe('signature_invalid')
  })

  it('cannot sign as another agent', async () => {
    const { agent, environment } = await aScene(V1)
    const victim = await createTestAgent({ agentId: 'agt_victim' })
    const { codeOf } = createSimpleJudge(V1, keySourceOf(agent, victim), environment)
    expect(await codeOf(aRequest(await agent.signRequest({ ...ORDER, agentId: 'agt_victim' })))).toBe(
      'signature_invalid',
    )
  })

  it('cannot use a key that is for something else', async () => {
    const { agent, codeOf } = await aScene(V1, { schemes: ['httpsig'] })
    expect(await codeOf(aRequest(await agent.signRequest(ORDER)))).toBe('key_invalid')
  })

  it('cannot make a request that holds both forms fall back to this one', async () => {
    const { agent, codeOf } = await aScene(V1)
    const both = (lines: readonly HeaderField[]): readonly HeaderField[] => [...lines, ['Signature-Input', 'sig1=()']]
    const signed = await agent.signRequest({ ...ORDER, tamper: { headerLines: both } })
    expect(await codeOf(aRequest(signed))).toBe('scheme_not_allowed')
  })

  it('cannot move bytes between lines', async () => {
    const { agent, codeOf } = await aScene(V1)
    const signed = await agent.signRequest({
      ...ORDER,
      nonce: 'ab',
      tamper: { sent: { target: '/orders?dry_run=false\nagt_buyer' } },
    })
    expect(await codeOf(aRequest(signed))).toBe('signature_invalid')
  })
})

/** Sends another value than was signed. */
function sent(name: string, value: string) {
  const headerLines = (lines: readonly HeaderField[]): readonly HeaderField[] =>
    lines.map(([field, signed]) => [field, field === name ? value : signed])
  return { tamper: { headerLines } }
}

function rename(name: string): string {
  return `X-Agent-${name.replace(/^Agent-/, '')}`
}
