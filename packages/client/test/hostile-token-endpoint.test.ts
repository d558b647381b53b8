import { compactVerify, EmbeddedJWK } from 'jose'
import { clientCredentials, generateAgentKey, isAgentFetchError, refreshToken, tokenExchange } from '../src/index.ts'
import type { ClientCredentialsOptions } from '../src/tokens/grant-types.ts'
import { type Answer, startRecordingServer } from './recording-server.ts'
import { json, startTokenServer, type TokenServer } from './token-server.ts'

const { privateKey: key } = generateAgentKey()
let idp: TokenServer
beforeEach(async () => {
  idp = await startTokenServer()
})
afterEach(() => idp.close())

const ask = (changes: Partial<ClientCredentialsOptions> = {}): Promise<unknown> =>
  Promise.resolve(
    clientCredentials({
      tokenEndpoint: idp.tokenEndpoint,
      clientId: 'agt_buyer',
      key,
      allowLoopbackHttp: true,
      ...changes,
    } as ClientCredentialsOptions)({ origin: 'https://api.example.com' }),
  )

async function failureOf(work: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  return work.then(
    () => new Error('nothing failed'),
    (error: Error) => error,
  )
}

const grant = (changes: object): Answer => json({ access_token: 'a', token_type: 'Bearer', expires_in: 60, ...changes })

describe('an attacker at the token endpoint', () => {
  it.each([
    ['more than is read', { body: `{"x":"${'x'.repeat(70_000)}"}` }, 'token_unavailable'],
    ['HTML', { headers: { 'content-type': 'text/html' }, body: '<h1>log in</h1>' }, 'token_unavailable'],
    ['no object', { body: '"token"' }, 'token_unavailable'],
    ['nothing', {}, 'token_unavailable'],
    ['an error without a word', { status: 400, body: '{"error":"<script>"}' }, 'token_unavailable'],
    ['a server error', { status: 500, body: '{}' }, 'token_unavailable'],
    ['a token and status 201', { ...grant({}), status: 201 }, 'token_unavailable'],
    ['no token', grant({ access_token: undefined }), 'token_unusable'],
    ['a token that is no text', grant({ access_token: ['a'] }), 'token_unusable'],
    ['a token with a line feed', grant({ access_token: 'a\r\nX-Admin: 1' }), 'token_unusable'],
    ['a token with a space', grant({ access_token: 'a b' }), 'token_unusable'],
    ['a token beyond what services take', grant({ access_token: 'a'.repeat(8193) }), 'token_unusable'],
    ['a token of no type', grant({ token_type: undefined }), 'token_unusable'],
    ['a token that is none', grant({ token_type: 'N_A' }), 'token_unusable'],
    ['a bound token where none was asked for', grant({ token_type: 'DPoP' }), 'token_unusable'],
    ['a life that is none', grant({ expires_in: 0 }), 'token_unusable'],
    ['a life without measure', grant({ expires_in: 'soon' }), 'token_unusable'],
  ])('gains nothing by answering with %s', async (_name, answer, code) => {
    idp.answer(answer)
    const error = await failureOf(ask())
    expect([isAgentFetchError(error), error.code]).toEqual([true, code])
  })

  it('gains no assertion for another place by a redirect', async () => {
    const elsewhere = await startRecordingServer()
    for (const status of [301, 302, 303, 307, 308]) {
      idp.answer({ status, headers: { location: `${elsewhere.origin}/token` } })
      expect(await failureOf(ask())).toMatchObject({ code: 'token_unavailable' })
    }
    await elsewhere.close()
    expect(elsewhere.received).toEqual([])
  })

  it('gains nothing where the fetch underneath follows by itself', async () => {
    const elsewhere = await startRecordingServer(() => grant({}))
    idp.answer({ status: 307, headers: { location: `${elsewhere.origin}/token` } })
    const following: ClientCredentialsOptions['fetch'] = (url, init) => fetch(url, { ...init, redirect: 'follow' })
    expect(await failureOf(ask({ fetch: following }))).toMatchObject({ code: 'token_unavailable' })
    await elsewhere.close()
  })

  it('cannot keep a request waiting', async () => {
    const silent: ClientCredentialsOptions['fetch'] = () => new Promise(() => undefined)
    const endless = new ReadableStream({ pull: () => new Promise(() => undefined) })
    const dripping: ClientCredentialsOptions['fetch'] = async () => new Response(endless)
    for (const fetchUnderneath of [silent, dripping]) {
      const error = await failureOf(ask({ fetch: fetchUnderneath, timeoutSeconds: 0.05 }))
      expect(error).toMatchObject({ code: 'token_unavailable', message: expect.stringContaining('0.05 s') })
    }
  })

  it('cannot turn a bound token into a bearer’s', async () => {
    idp.answer(grant({}))
    expect(await failureOf(ask({ dpop: true }))).toMatchObject({ code: 'token_unusable' })
  })

  it('cannot keep an agent busy with nonces', async () => {
    const wantsNonce = (nonce: string): Answer => json({ error: 'use_dpop_nonce' }, 400, { 'dpop-nonce': nonce })
    idp.answer(wantsNonce('a'), wantsNonce('b'), wantsNonce('c'))
    expect(await failureOf(ask({ dpop: true }))).toMatchObject({ code: 'token_refused', oauthError: 'use_dpop_nonce' })
    const proofs = idp.server.received.map(({ headers }) => compactVerify(headers.only('dpop') ?? '', EmbeddedJWK))
    const claims = (await Promise.all(proofs)).map(({ payload }) => JSON.parse(Buffer.from(payload).toString()))
    expect(claims).toMatchObject([{ htm: 'POST', htu: idp.tokenEndpoint }, { nonce: 'a' }])
    expect(claims.length).toBe(2)
    expect(claims[0]).not.toHaveProperty('ath')
  })

  it('cannot ask for a nonce without giving one', async () => {
    idp.answer(json({ error: 'use_dpop_nonce' }, 400))
    expect(await failureOf(ask({ dpop: true }))).toMatchObject({ oauthError: 'use_dpop_nonce' })
    expect(idp.forms().length).toBe(1)
  })

  it('cannot have secrets repeated in errors', async () => {
    const server = await startRecordingServer(({ body }) =>
      json({ error: 'invalid_grant', error_description: `${body}` }, 400),
    )
    const common = { tokenEndpoint: `${server.origin}/token`, clientId: 'a', key, allowLoopbackHttp: true }
    const request = { origin: 'https://api.example.com' }
    const errors = await Promise.all([
      failureOf(Promise.resolve(refreshToken({ ...common, refreshToken: 'canary' })(request))),
      failureOf(Promise.resolve(tokenExchange({ ...common, subjectToken: 'canary', actorToken: 'canary' })(request))),
    ])
    await server.close()
    const seen = errors.map((error) => JSON.stringify(error, Object.getOwnPropertyNames(error)))
    expect(seen.every((text) => text.includes('invalid_grant'))).toBe(true)
    expect(seen.some((text) => /canary|eyJ|client_assertion/.test(text))).toBe(false)
  })
})
