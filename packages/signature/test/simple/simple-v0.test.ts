import { createHash } from 'node:crypto'
import { type HeaderField, Refusal } from '@countermark/core'
import type { Scheme } from '@countermark/core/internal'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { simpleHeaders } from '../../src/simple/simple-headers.ts'
import { aScene } from '../judge-simple.ts'

const ROUTE = 'POST /api/v1/checkout'
const V0 = simpleHeaders({ version: 0, routes: [ROUTE] })
const CHECKOUT = {
  url: 'https://api.example.com/api/v1/checkout',
  body: '{"cart_items":[]}',
  form: 'simple-v0',
} as const
const ITS_KEY = { schemes: ['simple-v0'] } as const

describe('simpleHeaders version 0', () => {
  it('accepts Ed25519(body + timestamp) on a listed route, and says so to observers', async () => {
    const { agent, judge, environment, clock } = await aScene(V0, ITS_KEY)
    const facts = await judge(aRequest(await agent.signRequest(CHECKOUT)))
    expect(facts).toMatchObject({
      agent: { id: 'agt_buyer', level: 'signed', scheme: 'simple-v0' },
      proof: { scheme: 'simple-v0', created: clock.seconds(), acceptUntil: clock.seconds() + 300, nonce: undefined },
    })
    expect(environment.observer.total('deprecated_scheme_requests_total', { scheme: 'simple-v0' })).toBe(1)
  })

  it('is told apart by agent, method, target and message', async () => {
    const { agent, judge } = await aScene(V0, ITS_KEY)
    const { proof } = await judge(aRequest(await agent.signRequest(CHECKOUT)))
    const identity = 'agt_buyerPOST/api/v1/checkout{"cart_items":[]}1767225600'
    expect(proof.baseHash).toBe(createHash('sha256').update(identity).digest('base64'))
    expect(Buffer.from(proof.signed.base).toString()).toBe('{"cart_items":[]}1767225600')
  })

  it('covers the body and the time, and nothing else', async () => {
    const { agent, judge } = await aScene(V0, ITS_KEY)
    const { proof } = await judge(aRequest(await agent.signRequest(CHECKOUT)))
    const asked = [
      'content-digest',
      'timestamp',
      '@method',
      '@path',
      '@query',
      '@authority',
      'agent-id',
      'authorization',
    ]
    expect(asked.filter(proof.covers)).toEqual(['content-digest', 'timestamp'])
  })

  it.each([
    ['another path', { target: '/api/v1/refund' }],
    ['another method', { method: 'PUT' }],
    ['a query', { target: '/api/v1/checkout?express=true' }],
    ['another spelling', { target: '/api/v1/check%6fut' }],
    ['a trailing slash', { target: '/api/v1/checkout/' }],
  ])('refuses %s than listed', async (_what, change) => {
    const { agent, codeOf } = await aScene(V0, ITS_KEY)
    expect(await codeOf(aRequest(await agent.signRequest({ ...CHECKOUT, tamper: { sent: change } })))).toBe(
      'scheme_not_allowed',
    )
  })

  it.each([
    ['of every scheme', undefined],
    ['of another scheme', ['simple-v1']],
    ['of this scheme and of others', ['simple-v0', 'httpsig']],
  ] as const)('refuses a key %s', async (_what, schemes: readonly Scheme[] | undefined) => {
    const { agent, codeOf } = await aScene(V0, { schemes })
    expect(await codeOf(aRequest(await agent.signRequest(CHECKOUT)))).toBe('key_invalid')
  })

  it.each([
    ['17672256000', 'signature_malformed'],
    ['176722560', 'signature_malformed'],
    ['1767225300', 'signature_invalid'],
    ['1767225299', 'signature_expired'],
    ['1767225631', 'signature_not_yet_valid'],
  ])('refuses the time %s with %s', async (timestamp, code) => {
    const { agent, codeOf } = await aScene(V0, ITS_KEY)
    const headerLines = (lines: readonly HeaderField[]): readonly HeaderField[] =>
      lines.map(([name, value]) => [name, name === 'Timestamp' ? timestamp : value])
    expect(await codeOf(aRequest(await agent.signRequest({ ...CHECKOUT, tamper: { headerLines } })))).toBe(code)
  })

  it.each([63, 65, 96])('refuses a signature of %i bytes before it looks for a key', async (length) => {
    const { agent, codeOf } = await aScene(V0, ITS_KEY)
    const tamper = { signature: () => new Uint8Array(length) }
    expect(await codeOf(aRequest(await agent.signRequest({ ...CHECKOUT, tamper })))).toBe('signature_malformed')
  })

  it('reads no byte of a body that is announced too large', async () => {
    const { agent, codeOf } = await aScene(simpleHeaders({ version: 0, routes: [ROUTE], maxBodyBytes: 10 }), ITS_KEY)
    const unreadable = () => {
      throw new Error('the body was read')
    }
    const request = aRequest(await agent.signRequest(CHECKOUT))
    expect(await codeOf({ ...request, body: unreadable })).toBe('body_too_large')
  })

  it('reads no byte of the body for a key that is not known', async () => {
    const { agent, codeOf } = await aScene(V0, ITS_KEY)
    const request = aRequest(await agent.signRequest({ ...CHECKOUT, agentId: 'agt_other' }))
    const unreadable = () => {
      throw new Error('the body was read')
    }
    expect(await codeOf({ ...request, body: unreadable })).toBe('key_unknown')
  })

  it('challenges on its routes only', () => {
    const refusal = new Refusal('credentials_missing', 'sign')
    const context = { refusal, environment: createTestEnvironment(), nonce: 'fresh-1' }
    const listed = aRequest({ method: 'POST', target: '/api/v1/checkout' })
    expect(V0.challenge({ ...context, request: listed })).toEqual([
      ['WWW-Authenticate', 'Agent-Auth version="0", headers="agent-id timestamp signature"'],
    ])
    expect(V0.challenge({ ...context, request: aRequest() })).toEqual([])
  })

  it.each([
    [{ version: 0 }, 'ERR_OPTION_MISSING'],
    [{ version: 0, routes: [] }, 'ERR_OPTION_MISSING'],
    [{ version: 0, routes: ['/checkout'] }, 'ERR_OPTION_INVALID'],
    [{ version: 0, routes: ['POST checkout'] }, 'ERR_OPTION_INVALID'],
    [{ version: 0, routes: ['POST /a b'] }, 'ERR_OPTION_INVALID'],
    [{ version: 0, routes: [ROUTE], algorithms: ['ed25519'] }, 'ERR_OPTION_UNKNOWN'],
  ])('refuses the options %j at the start', (options, code) => {
    expect(() => simpleHeaders(options as never)).toThrow(expect.objectContaining({ code }))
  })
})

describe('an attacker of simple-v0', () => {
  it('cannot change the body', async () => {
    const { agent, codeOf } = await aScene(V0, ITS_KEY)
    const tamper = { sent: { body: Buffer.from('{"cart_items":[1]}') } }
    expect(await codeOf(aRequest(await agent.signRequest({ ...CHECKOUT, tamper })))).toBe('signature_invalid')
  })

  it('cannot move digits between body and time', async () => {
    const { agent, codeOf } = await aScene(V0, ITS_KEY)
    const signed = await agent.signRequest({ ...CHECKOUT, body: 'pay 5', created: 1_767_225_600 })
    const moved = signed.headerLines.map(
      ([name, value]) => [name, name === 'Timestamp' ? '51767225600' : value] as const,
    )
    expect(await codeOf(aRequest({ ...signed, body: Buffer.from('pay '), headerLines: moved }))).toBe(
      'signature_malformed',
    )
  })

  it('cannot turn a v0 signature into another form', async () => {
    const { agent, codeOf } = await aScene(simpleHeaders({ version: 1 }), ITS_KEY)
    const text = `AGENT-AUTH-V1\nDELETE\napi.example.com\n/accounts/1\nagt_buyer\n1767225600\nn\n${EMPTY_HASH}\n-`
    const signed = await agent.signRequest({
      target: '/accounts/1',
      method: 'DELETE',
      form: 'simple-v1',
      nonce: 'n',
      tamper: { base: () => text },
    })
    expect(await codeOf(aRequest(signed))).toBe('key_invalid')
  })

  it('cannot leave the version out to get the weaker form', async () => {
    const { agent, codeOf } = await aScene(V0)
    const without = (lines: readonly HeaderField[]) => lines.filter(([name]) => name !== 'Agent-Auth-Version')
    const signed = await agent.signRequest({ ...CHECKOUT, form: 'simple-v1', tamper: { headerLines: without } })
    expect(await codeOf(aRequest(signed))).toBe('key_invalid')
  })
})

const EMPTY_HASH = createHash('sha256').update('').digest('base64')
