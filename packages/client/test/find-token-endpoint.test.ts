import { isMisconfigured } from '@countermark/core'
import { clientCredentials, findTokenEndpoint, generateAgentKey } from '../src/index.ts'
import type { FindTokenEndpointOptions } from '../src/tokens/find-token-endpoint.ts'
import { type Answer, type RecordingServer, startRecordingServer } from './recording-server.ts'
import { json } from './token-server.ts'

// The shop and its identity provider are one server here, with one path each.
let server: RecordingServer
let answers: Record<string, Answer>
const urlOf = (path: string): string => `${server.origin}${path}`
const resourcePath = '/.well-known/oauth-protected-resource/shop'
const issuerPath = '/.well-known/oauth-authorization-server/idp'

beforeEach(async () => {
  server = await startRecordingServer(({ target }) => answers[target] ?? { status: 404 })
  answers = {
    [resourcePath]: json({
      resource: urlOf('/shop'),
      authorization_servers: ['https://evil.example', urlOf('/idp')],
    }),
    [issuerPath]: json({ issuer: urlOf('/idp'), token_endpoint: urlOf('/idp/token') }),
    '/idp/token': json({ access_token: 'a', token_type: 'Bearer', expires_in: 60 }),
  }
})
afterEach(() => server.close())

const find = (changes: Partial<FindTokenEndpointOptions> = {}): ReturnType<typeof findTokenEndpoint> =>
  findTokenEndpoint({ resource: urlOf('/shop'), issuers: [urlOf('/idp')], allowLoopbackHttp: true, ...changes })
const asked = (): readonly string[] => server.received.map(({ target }) => target)

describe('findTokenEndpoint', () => {
  it('finds what a source of tokens has to know', async () => {
    const found = await find()
    expect(found).toEqual({ tokenEndpoint: urlOf('/idp/token'), issuer: urlOf('/idp') })
    const { privateKey: key } = generateAgentKey()
    const token = clientCredentials({ ...found, clientId: 'agt_buyer', key, allowLoopbackHttp: true })
    expect(await token({ origin: server.origin })).toMatchObject({ value: 'a' })
    expect(asked()).toEqual([resourcePath, issuerPath, '/idp/token'])
  })

  it('finds it where OpenID Connect has it', async () => {
    const { [issuerPath]: metadata = {} } = answers
    answers = { ...answers, [issuerPath]: { status: 404 }, '/idp/.well-known/openid-configuration': metadata }
    expect(await find()).toMatchObject({ tokenEndpoint: urlOf('/idp/token') })
  })

  it.each([
    ['a misspelt option', { issuer: 'x' }, 'ERR_OPTION_UNKNOWN'],
    ['a resource without TLS', { allowLoopbackHttp: false }, 'ERR_OPTION_INVALID'],
    ['a resource that is no URL', { resource: 'shop' }, 'ERR_OPTION_INVALID'],
    ['issuers that are no list', { issuers: 'https://id.example.com' }, 'ERR_OPTION_INVALID'],
    ['a deadline that is no number', { timeoutSeconds: Number.NaN }, 'ERR_OPTION_INVALID'],
  ])('refuses %s', async (_name, changes, code) => {
    const error = await find(changes as never).catch((reason: unknown) => reason)
    expect(isMisconfigured(error) && error.code).toBe(code)
    expect(asked()).toEqual([])
  })
})

describe('an attacker', () => {
  it.each([
    ['a service that names another issuer', resourcePath, () => ({ authorization_servers: ['https://evil.example'] })],
    ['a service that names none', resourcePath, () => ({})],
    ['a service that names what is no list', resourcePath, () => ({ authorization_servers: urlOf('/idp') })],
    ['metadata of another service', resourcePath, () => ({ resource: urlOf('/other') })],
    ['metadata of another issuer', issuerPath, () => ({ issuer: urlOf('/other') })],
    ['an endpoint without TLS', issuerPath, () => ({ token_endpoint: 'http://id.example.com/token' })],
    ['an endpoint with credentials', issuerPath, () => ({ token_endpoint: 'https://a:b@id.example.com/token' })],
    ['no endpoint', issuerPath, () => ({ token_endpoint: undefined })],
  ])('cannot lead an agent astray by %s', async (_name, path, change) => {
    const honest =
      path === resourcePath
        ? { resource: urlOf('/shop'), authorization_servers: undefined }
        : { issuer: urlOf('/idp'), token_endpoint: urlOf('/idp/token') }
    answers[path] = json({ ...honest, ...change() })
    await expect(find()).rejects.toMatchObject({ code: 'token_unavailable' })
  })

  it.each([
    ['a redirect', { status: 302, headers: { location: 'https://evil.example' } }],
    ['a server error', json({}, 500)],
    ['HTML', { body: '<h1>' }],
    ['nothing', { status: 404 }],
    ['more than is read', { body: `{"x":"${'x'.repeat(70_000)}"}` }],
  ])('cannot lead an agent astray by %s', async (_name, answer) => {
    answers[resourcePath] = answer
    await expect(find()).rejects.toMatchObject({ code: 'token_unavailable' })
    expect(asked()).toEqual([resourcePath])
  })

  it('cannot keep it waiting', async () => {
    const silent: FindTokenEndpointOptions['fetch'] = () => new Promise(() => undefined)
    await expect(find({ fetch: silent, timeoutSeconds: 0.05 })).rejects.toMatchObject({ code: 'token_unavailable' })
  })
})
