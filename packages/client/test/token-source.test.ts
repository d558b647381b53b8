import { createPublicKey } from 'node:crypto'
import { isMisconfigured } from '@countermark/core'
import { jwtVerify } from 'jose'
import { type AgentToken, clientCredentials, refreshToken, type TokenSource, tokenExchange } from '../src/index.ts'
import type { ClientCredentialsOptions, RefreshTokenOptions, TokenExchangeOptions } from '../src/tokens/grant-types.ts'
import { type AgentWithKey, createAgentWithKey } from './agent-with-key.ts'
import { json, startTokenServer, type TokenServer } from './token-server.ts'

const ORIGIN = 'https://api.example.com'
let buyer: AgentWithKey
let idp: TokenServer

beforeEach(async () => {
  buyer = await createAgentWithKey()
  idp = await startTokenServer()
})
afterEach(() => idp.close())

const settings = () => ({
  tokenEndpoint: idp.tokenEndpoint,
  clientId: 'agt_buyer',
  key: buyer.privateKey,
  keyId: 'k1',
  allowLoopbackHttp: true,
  clock: buyer.clock,
})
const source = (changes: Partial<ClientCredentialsOptions> = {}): TokenSource =>
  clientCredentials({ ...settings(), ...changes } as ClientCredentialsOptions)

describe('clientCredentials', () => {
  it('asks with an assertion that its key signed', async () => {
    const token = await source({
      scopes: ['orders:read', 'orders:write'],
      audience: 'shop',
      resource: (origin) => origin,
    })({
      origin: ORIGIN,
    })
    const scopes = ['orders:read', 'orders:write']
    expect(token).toEqual({ value: 't1', scheme: 'Bearer', expiresAt: buyer.clock.seconds() + 600, scopes })
    const [form = new URLSearchParams()] = idp.forms()
    const { client_assertion: assertion = '', ...fields } = Object.fromEntries(form)
    expect(fields).toEqual({
      grant_type: 'client_credentials',
      client_id: 'agt_buyer',
      scope: 'orders:read orders:write',
      resource: ORIGIN,
      audience: 'shop',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    const { payload, protectedHeader } = await jwtVerify(assertion, createPublicKey(buyer.privateKey), {
      audience: idp.tokenEndpoint,
      issuer: 'agt_buyer',
      currentDate: new Date(buyer.clock.wallMs()),
    })
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: 'k1' })
    expect(payload).toMatchObject({ sub: 'agt_buyer', exp: buyer.clock.seconds() + 60 })
    expect(payload.jti?.length).toBeGreaterThanOrEqual(22)
  })

  it('addresses the assertion to the issuer where that is wanted, new for every request', async () => {
    const token = source({ issuer: 'https://id.example.com', scopes: ['a'] })
    await token({ origin: ORIGIN })
    await token({ origin: ORIGIN, scopes: ['b'] })
    const payloads = await Promise.all(
      idp.forms().map(async (form) => {
        const key = createPublicKey(buyer.privateKey)
        const currentDate = new Date(buyer.clock.wallMs())
        const options = { audience: 'https://id.example.com', currentDate }
        return (await jwtVerify(form.get('client_assertion') ?? '', key, options)).payload
      }),
    )
    expect(new Set(payloads.map(({ jti }) => jti)).size).toBe(2)
  })

  it('signs with a key that is elsewhere', async () => {
    const { key: _key, ...rest } = settings()
    const token = clientCredentials({ ...rest, sign: (data) => buyer.agent.sign(data), algorithm: 'ed25519' })
    expect(await token({ origin: ORIGIN })).toMatchObject({ value: 't1' })
    const [form] = idp.forms()
    await jwtVerify(form?.get('client_assertion') ?? '', createPublicKey(buyer.privateKey), {
      currentDate: new Date(buyer.clock.wallMs()),
    })
  })
})

describe('a token', () => {
  it('is asked for once by a hundred at a time', async () => {
    const token = source()
    const tokens = await Promise.all(Array.from({ length: 100 }, () => token({ origin: ORIGIN })))
    expect(new Set(tokens.map(({ value }) => value))).toEqual(new Set(['t1']))
    expect(idp.forms().length).toBe(1)
  })

  it('is another one for other scopes and for another service', async () => {
    const token = source({ scopes: ['a'], resource: (origin) => origin })
    const values = [
      await token({ origin: ORIGIN }),
      await token({ origin: ORIGIN, scopes: ['b'] }),
      await token({ origin: 'https://other.example' }),
      await token({ origin: ORIGIN, scopes: ['a'] }),
    ].map(({ value }) => value)
    expect(values).toEqual(['t1', 't2', 't3', 't1'])
    expect(idp.forms().map((form) => form.get('scope'))).toEqual(['a', 'a b', 'a'])
  })

  it('is replaced shortly before its end, without a wait', async () => {
    const token = source({ refreshBeforeSeconds: 60 })
    await token({ origin: ORIGIN })
    buyer.clock.advance(539_000)
    await token({ origin: ORIGIN })
    expect(idp.forms().length).toBe(1)
    buyer.clock.advance(1_000)
    expect(await token({ origin: ORIGIN })).toMatchObject({ value: 't1' })
    await untilAsked(2)
    expect(await untilGiven(token, 't2')).toMatchObject({ value: 't2' })
  })

  it('goes on being used while there is no other', async () => {
    const token = source()
    await token({ origin: ORIGIN })
    buyer.clock.advance(590_000)
    idp.answer({ status: 503 })
    expect(await token({ origin: ORIGIN })).toMatchObject({ value: 't1' })
    await untilAsked(2)
    expect(await token({ origin: ORIGIN })).toMatchObject({ value: 't1' })
  })

  it('is not used once it has ended', async () => {
    const token = source()
    await token({ origin: ORIGIN })
    buyer.clock.advance(600_000)
    idp.answer({ status: 503 })
    await expect(token({ origin: ORIGIN })).rejects.toMatchObject({ code: 'token_unavailable' })
    await expect(token({ origin: ORIGIN })).rejects.toMatchObject({ code: 'token_unavailable' })
    expect(idp.forms().length).toBe(2)
    buyer.clock.advance(1_000)
    expect(await token({ origin: ORIGIN })).toMatchObject({ value: 't2' })
  })

  it('is replaced when a service refuses it, but not a new one', async () => {
    const token = source()
    await token({ origin: ORIGIN })
    expect(await token({ origin: ORIGIN, refused: 't1' })).toMatchObject({ value: 't1' })
    buyer.clock.advance(10_000)
    const both = [token({ origin: ORIGIN, refused: 't1' }), token({ origin: ORIGIN, refused: 't1' })]
    expect((await Promise.all(both)).map(({ value }) => value)).toEqual(['t2', 't2'])
    expect(await token({ origin: ORIGIN, refused: 't1' })).toMatchObject({ value: 't2' })
    expect(idp.forms().length).toBe(2)
  })

  it('may live without an end, or say its life as text', async () => {
    idp.answer(json({ access_token: 'a', token_type: 'bearer' }))
    expect(await source()({ origin: ORIGIN })).toEqual({ value: 'a', scheme: 'Bearer' })
    idp.answer(json({ access_token: 'b', token_type: 'BEARER', expires_in: '60' }))
    expect(await source()({ origin: ORIGIN })).toMatchObject({ expiresAt: buyer.clock.seconds() + 60 })
  })
})

describe('tokenExchange', () => {
  const exchange = (changes: Partial<TokenExchangeOptions>): TokenSource =>
    tokenExchange({ ...settings(), subjectToken: 'users', ...changes } as TokenExchangeOptions)

  it('gives a token of another client for one of its own', async () => {
    const token = exchange({ actorToken: async () => 'mine', actorTokenType: 'jwt', scopes: ['orders:read'] })
    expect(await token({ origin: ORIGIN })).toMatchObject({ value: 't1' })
    expect(Object.fromEntries(idp.forms()[0] ?? [])).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'users',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      actor_token: 'mine',
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      scope: 'orders:read',
    })
  })

  it('gives no user the token of another', async () => {
    let user = 'ann'
    const token = exchange({ subjectToken: () => user })
    const values = [await token({ origin: ORIGIN })]
    user = 'bob'
    values.push(await token({ origin: ORIGIN }))
    user = 'ann'
    values.push(await token({ origin: ORIGIN }))
    expect(values.map(({ value }) => value)).toEqual(['t1', 't2', 't1'])
    expect(idp.forms().map((form) => form.get('subject_token'))).toEqual(['ann', 'bob'])
  })
})

describe('refreshToken', () => {
  const refresh = (changes: Partial<RefreshTokenOptions> = {}): TokenSource =>
    refreshToken({ ...settings(), refreshToken: 'r0', ...changes } as RefreshTokenOptions)

  it('uses each refresh token once, one after the other, and hands on the next to be kept', async () => {
    const kept: string[] = []
    const token = refresh({ keep: (next) => void kept.push(next), scopes: ['a'] })
    idp.answer(
      json({ access_token: 'a', token_type: 'Bearer', expires_in: 600, refresh_token: 'r1' }),
      json({ access_token: 'b', token_type: 'Bearer', expires_in: 600, refresh_token: 'r2' }),
    )
    await Promise.all([token({ origin: ORIGIN }), token({ origin: ORIGIN, scopes: ['b'] })])
    expect(idp.forms().map((form) => [form.get('grant_type'), form.get('refresh_token'), form.get('scope')])).toEqual([
      ['refresh_token', 'r0', 'a'],
      ['refresh_token', 'r1', 'a b'],
    ])
    expect(kept).toEqual(['r1', 'r2'])
  })

  it('keeps the one it has where the server gives no other, also after a failure', async () => {
    const token = refresh()
    idp.answer(json({ error: 'temporarily_unavailable' }, 400))
    await expect(token({ origin: ORIGIN })).rejects.toMatchObject({ oauthError: 'temporarily_unavailable' })
    buyer.clock.advance(1000)
    await token({ origin: ORIGIN })
    expect(idp.forms().map((form) => form.get('refresh_token'))).toEqual(['r0', 'r0'])
  })
})

describe('a source of tokens that is put together wrongly', () => {
  const codeOf = (create: () => unknown): string => {
    try {
      create()
      return 'accepted'
    } catch (error) {
      return isMisconfigured(error) ? error.code : String(error)
    }
  }

  it.each([
    ['http', { tokenEndpoint: 'http://id.example.com/token' }, 'ERR_OPTION_INVALID'],
    ['http at a loopback address unless allowed', { allowLoopbackHttp: false }, 'ERR_OPTION_INVALID'],
    ['a path alone', { tokenEndpoint: '/token' }, 'ERR_OPTION_INVALID'],
    ['credentials in the URL', { tokenEndpoint: 'https://a:b@id.example.com/token' }, 'ERR_OPTION_INVALID'],
    ['a fragment', { tokenEndpoint: 'https://id.example.com/token#x' }, 'ERR_OPTION_INVALID'],
    ['no client id', { clientId: '' }, 'ERR_OPTION_MISSING'],
    ['no key', { key: undefined }, 'ERR_OPTION_MISSING'],
    ['a misspelt option', { scope: 'a' }, 'ERR_OPTION_UNKNOWN'],
    ['scopes in one text', { scopes: ['a b'] }, 'ERR_OPTION_INVALID'],
    ['an empty audience', { audience: '' }, 'ERR_OPTION_INVALID'],
    ['an issuer that is no text', { issuer: 7 }, 'ERR_OPTION_INVALID'],
    ['a deadline that is no number', { timeoutSeconds: Number.NaN }, 'ERR_OPTION_INVALID'],
    [
      'proofs by a key without its public half',
      { key: undefined, sign: () => new Uint8Array(64), algorithm: 'ed25519', dpop: true },
      'ERR_OPTION_MISSING',
    ],
  ])('does not start with %s', (_name, changes, code) => {
    expect(codeOf(() => source(changes as never))).toBe(code)
  })

  it('does not start without what the grant is about', () => {
    expect(codeOf(() => tokenExchange(settings() as never))).toBe('ERR_OPTION_MISSING')
    expect(codeOf(() => tokenExchange({ ...settings(), subjectToken: '' }))).toBe('ERR_OPTION_INVALID')
    expect(codeOf(() => tokenExchange({ ...settings(), subjectToken: 'a', subjectTokenType: 'saml' as never }))).toBe(
      'ERR_OPTION_INVALID',
    )
    expect(codeOf(() => refreshToken(settings() as never))).toBe('ERR_OPTION_MISSING')
    expect(codeOf(() => refreshToken({ ...settings(), refreshToken: 'r', keep: 'file' as never }))).toBe(
      'ERR_OPTION_INVALID',
    )
  })
})

/** Resolves when the token endpoint was asked so often: what happens in the background has no other sign. */
async function untilAsked(times: number): Promise<void> {
  while (idp.forms().length < times) await new Promise(setImmediate)
}

async function untilGiven(token: TokenSource, value: string): Promise<AgentToken> {
  for (;;) {
    const given = await token({ origin: ORIGIN })
    if (given.value === value) return given
    await new Promise(setImmediate)
  }
}
