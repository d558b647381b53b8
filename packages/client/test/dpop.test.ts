import { createPublicKey, hash } from 'node:crypto'
import { thumbprintOf } from '@countermark/core/internal'
import { compactVerify, EmbeddedJWK } from 'jose'
import { createTestIssuer, type TestIssuer } from '../../delegation/test/token-issuer.ts'
import { type AgentFetchSettings, generateAgentKey, readRefusal, type TokenSource } from '../src/index.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { type GuardedShop, startDpopShop } from './guarded-shop.ts'
import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

let buyer: AgentWithKey
let server: RecordingServer
let answers: Answer[]

beforeAll(async () => {
  server = await startRecordingServer(() => answers.shift() ?? { body: 'ok' })
})
afterAll(() => server.close())
let start = 0
beforeEach(async () => {
  buyer = await createAgentWithKey()
  answers = []
  start = server.received.length
})

const bound: TokenSource = () => ({ value: 'tok', scheme: 'DPoP' })
const tries = (): readonly ReceivedRequest[] => server.received.slice(start)
const send = (options: Partial<AgentFetchSettings> = {}, init: RequestInit = {}): Promise<Response> =>
  buyer.createFetch({ origins: [server.origin], form: 'dpop', token: bound, ...options })(
    `${server.origin}/orders/7?x=1`,
    init,
  )

interface Proof {
  readonly header: object
  readonly claims: Readonly<Record<string, unknown>>
}

/** Verifies a proof with the key in it, by jose. */
async function proofOf(request: ReceivedRequest | undefined): Promise<Proof> {
  const { payload, protectedHeader } = await compactVerify(request?.headers.only('dpop') ?? '', EmbeddedJWK)
  return { header: protectedHeader, claims: JSON.parse(Buffer.from(payload).toString()) }
}

const wantsNonce = (nonce: string): Answer => ({
  status: 401,
  headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="EdDSA"', 'dpop-nonce': nonce },
})

describe('a proof of possession', () => {
  it('says what is asked, with which token, and by whom', async () => {
    await send({}, { method: 'POST', body: 'x' })
    const [request] = tries()
    expect(request?.headers.only('authorization')).toBe('DPoP tok')
    expect(['signature', 'agent-id'].map((name) => request?.headers.has(name))).toEqual([false, false])
    const { header, claims } = await proofOf(request)
    const { kty, crv, x } = createPublicKey(buyer.privateKey).export({ format: 'jwk' })
    expect(header).toEqual({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: { kty, crv, x } })
    expect(claims).toEqual({
      jti: expect.stringMatching(/^[\w-]{24}$/),
      htm: 'POST',
      htu: `${server.origin}/orders/7`,
      iat: buyer.clock.seconds(),
      ath: hash('sha256', 'tok', 'base64url'),
    })
  })

  it('is new for every try', async () => {
    answers = [{ status: 503, headers: { 'retry-after': '1' } }]
    await send()
    const proofs = await Promise.all(tries().map(proofOf))
    expect(new Set(proofs.map(({ claims }) => claims['jti'])).size).toBe(2)
  })

  it('is covered by the signature of a request that is signed as well', async () => {
    await send({ form: 'httpsig', dpop: true })
    const { list } = server.verify(buyer.publicKey, server.last(), buyer.clock.wallMs())
    expect([list.covers('dpop'), list.covers('authorization')]).toEqual([true, true])
  })

  it.each(['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha512'] as const)(
    'is made with a key for %s',
    async (algorithm) => {
      await send({ dpop: { key: generateAgentKey({ algorithm }).privateKey } })
      expect((await proofOf(server.last())).claims['htm']).toBe('GET')
    },
  )

  it('is made with a key that is elsewhere', async () => {
    const publicKey = buyer.agent.publicJwk
    await send({ dpop: { sign: (data) => buyer.agent.sign(data), algorithm: 'ed25519', keyId: 'k', publicKey } })
    expect(await proofOf(server.last())).toMatchObject({ header: { alg: 'EdDSA' } })
  })

  it('stands beside a token of the caller’s own', async () => {
    await buyer.createFetch({ origins: [server.origin], form: 'dpop', authorization: 'DPoP mine' })(server.origin)
    expect((await proofOf(server.last())).claims['ath']).toBe(hash('sha256', 'mine', 'base64url'))
    await send({}, { headers: { authorization: 'DPoP other' } })
    expect((await proofOf(server.last())).claims['ath']).toBe(hash('sha256', 'other', 'base64url'))
  })
})

describe('a proof from a clock that is wrong', () => {
  it('is made again at the time of the service, once', async () => {
    const late = (): Answer => ({
      status: 401,
      headers: {
        'content-type': 'application/problem+json',
        'www-authenticate': 'DPoP error="invalid_dpop_proof"',
        date: new Date(buyer.clock.wallMs() + 600_000).toUTCString(),
      },
      body: '{"code":"dpop_proof_invalid","retry":"resign"}',
    })
    answers = [late(), late()]
    expect((await send()).status).toBe(401)
    const proofs = await Promise.all(tries().map(proofOf))
    expect(proofs.map(({ claims }) => claims['iat'])).toEqual([buyer.clock.seconds(), buyer.clock.seconds() + 600])
  })
})

describe('a nonce for proofs', () => {
  it('is put into the proof, once', async () => {
    answers = [wantsNonce('n1')]
    expect((await send()).status).toBe(200)
    expect((await Promise.all(tries().map(proofOf))).map(({ claims }) => claims['nonce'])).toEqual([undefined, 'n1'])
  })

  it('is remembered for this origin, also from a success', async () => {
    answers = [{ headers: { 'dpop-nonce': 'n2' } }]
    const agentFetch = buyer.createFetch({ origins: [server.origin], form: 'dpop', token: bound })
    await agentFetch(server.origin)
    await agentFetch(server.origin)
    expect((await proofOf(server.last())).claims['nonce']).toBe('n2')
  })

  it('goes to no other origin', async () => {
    const other = await startRecordingServer(() => ({}))
    answers = [{ headers: { 'dpop-nonce': 'n3' } }]
    const agentFetch = buyer.createFetch({ origins: [server.origin, other.origin], form: 'dpop', token: bound })
    await agentFetch(server.origin)
    await agentFetch(other.origin)
    await other.close()
    expect((await proofOf(other.last())).claims).not.toHaveProperty('nonce')
  })
})

describe('a guarded Koa application that takes proofs alone', () => {
  let issuer: TestIssuer
  let shop: GuardedShop
  beforeAll(async () => {
    issuer = await createTestIssuer()
  })
  beforeEach(async () => {
    shop = await startDpopShop({ keys: [], issuers: [issuer.options()], clock: buyer.clock })
  })
  afterEach(() => shop.close())

  const token =
    (jkt: string): TokenSource =>
    async () => ({ value: await issuer.mint({ cnf: { jkt } }), scheme: 'DPoP' })

  it('admits an agent that signs nothing, and tells it its nonce first', async () => {
    const jkt = thumbprintOf(buyer.agent.publicJwk)
    const agentFetch = buyer.createFetch({ origins: [shop.origin], form: 'dpop', token: token(jkt) })
    expect(await (await agentFetch(shop.origin)).json()).toEqual({ agent: 'agt_buyer', level: 'bound', scheme: 'dpop' })
    expect((await agentFetch(`${shop.origin}/x?y=1`)).status).toBe(200)
    expect(shop.asked()).toBe(3)
  })

  it('refuses the token of another key', async () => {
    const agentFetch = buyer.createFetch({ origins: [shop.origin], form: 'dpop', token: token('x'.repeat(43)) })
    expect(await readRefusal(await agentFetch(shop.origin))).toMatchObject({ code: 'token_binding_mismatch' })
  })
})

describe('an attacker', () => {
  it('cannot keep an agent busy with nonces', async () => {
    answers = [wantsNonce('a'), wantsNonce('b'), wantsNonce('c')]
    expect((await send()).status).toBe(401)
    expect(tries().length).toBe(2)
  })

  it('cannot have the same proof made again', async () => {
    answers = [{ headers: { 'dpop-nonce': 'n' } }, wantsNonce('n'), wantsNonce('n')]
    const agentFetch = buyer.createFetch({ origins: [server.origin], form: 'dpop', token: bound })
    await agentFetch(server.origin)
    expect((await agentFetch(server.origin)).status).toBe(401)
    expect(tries().length).toBe(2)
  })

  it('cannot put anything but a nonce into a proof', async () => {
    answers = [wantsNonce('"a"'), wantsNonce('x'.repeat(257))]
    expect((await send()).status).toBe(401)
    expect(tries().length).toBe(1)
  })

  it('cannot have a bearer’s token sent where possession is to be proven', async () => {
    const error = send({ token: () => ({ value: 'tok', scheme: 'Bearer' }) })
    await expect(error).rejects.toMatchObject({ code: 'token_unusable' })
    expect(tries()).toEqual([])
  })

  it('cannot have a bound token sent without a proof', async () => {
    await expect(send({ form: 'httpsig' })).rejects.toMatchObject({ code: 'token_unusable' })
    expect(tries()).toEqual([])
  })

  it('cannot smuggle a proof in through the headers of a request', async () => {
    await expect(send({}, { headers: { dpop: 'a.b.c' } })).rejects.toMatchObject({ code: 'request_invalid' })
    await expect(send({ form: 'httpsig', dpop: true }, { headers: { dpop: 'a' } })).rejects.toMatchObject({
      code: 'request_invalid',
    })
  })
})
