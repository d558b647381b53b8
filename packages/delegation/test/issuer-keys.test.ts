import { isThenable } from '@countermark/core/internal'
import type { IssuerOptions } from '../src/index.ts'
import { createIssuerKeys } from '../src/issuers/issuer-keys.ts'
import { type IssuerServer, LOOPBACK, useIssuerServers } from './issuer-server.ts'
import { createTokenCaller, type TokenCaller } from './token-call.ts'
import { createTestIssuer, type TestIssuer } from './token-issuer.ts'

const startIssuerServer = useIssuerServers()

interface Bench {
  readonly server: IssuerServer
  readonly issuer: TestIssuer
  readonly caller: TokenCaller
}

async function createBench(
  keysOf: (origin: string) => IssuerOptions['keys'],
  changes: Partial<IssuerOptions> = {},
  path = '',
): Promise<Bench> {
  const server = await startIssuerServer()
  const issuer = await createTestIssuer('EdDSA', `${server.origin}${path}`)
  server.answers.set('/jwks', issuer.jwks)
  const keys = keysOf(server.origin)
  const options = { issuer: issuer.issuer, http: LOOPBACK, ...(keys === undefined ? {} : { keys }), ...changes }
  return { server, issuer, caller: createTokenCaller([], { issuers: [options] }) }
}

const byUrl = (origin: string): IssuerOptions['keys'] => ({ jwksUri: `${origin}/jwks` })
const discovered = (): undefined => undefined

describe('the keys of an issuer', () => {
  it('are fetched once, then at hand', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('accepted')
    const token = await issuer.mint({ jti: 'other' })
    await caller.answer({ token })
    expect(isThenable(caller.answer({ token }))).toBe(false)
    expect(server.asked.map(({ path }) => path)).toEqual(['/jwks'])
  })

  it('are imported once, however often they are fetched', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    const keys = createIssuerKeys({
      ...{ issuer: issuer.issuer, place: { jwksUri: `${server.origin}/jwks` }, http: LOOPBACK },
      ...{ times: { refreshAfterMs: 30_000, maxAgeMs: 60_000 }, algorithms: ['EdDSA'], allowTestKeys: false },
    })
    const find = async (): Promise<unknown> =>
      (await keys.find({ keyId: undefined, algorithm: 'EdDSA' }, caller.environment))?.publicKey
    const before = await find()
    caller.clock.advance(60_000)
    // Importing makes a new object each time.
    expect(await find()).toBe(before)
    expect([before === undefined, server.asked.length]).toEqual([false, 2])
  })

  it('are asked for again when a token names an unknown one, half a minute apart', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    await caller.codeOf({ token: await issuer.mint() })
    const next = await createTestIssuer('EdDSA', issuer.issuer)
    const renamed = { ...next.jwks.keys[0], kid: 'next' }
    server.answers.set('/jwks', { keys: [...issuer.jwks.keys, renamed] })
    caller.clock.advance(30_000)
    expect(await caller.codeOf({ token: await next.mint({}, { kid: 'next' }) })).toBe('accepted')
    for (let index = 0; index < 20; index++) {
      expect(await caller.codeOf({ token: await issuer.mint({}, { kid: `unknown-${index}` }) })).toBe('token_invalid')
    }
    expect(server.asked).toHaveLength(2)
  })

  it('are asked for again for others soon, while strangers invent names of keys', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    await caller.codeOf({ token: await issuer.mint() })
    const next = await createTestIssuer('EdDSA', issuer.issuer)
    caller.clock.advance(30_000)
    const invent = async (name: string): Promise<string> =>
      caller.codeOf({ token: await issuer.mint({}, { kid: name }), request: { remoteAddress: '203.0.113.7' } })
    await invent('unknown-0')
    server.answers.set('/jwks', { keys: [...issuer.jwks.keys, { ...next.jwks.keys[0], kid: 'next' }] })
    caller.clock.advance(1_000)
    expect(await invent('unknown-1')).toBe('token_invalid')
    expect(server.asked).toHaveLength(2)
    const request = { remoteAddress: '198.51.100.9' }
    expect(await caller.codeOf({ token: await next.mint({}, { kid: 'next' }), request })).toBe('accepted')
    expect(server.asked).toHaveLength(3)
  })

  it('are not asked for a name again that they do not have, from wherever it comes', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    await caller.codeOf({ token: await issuer.mint() })
    const gone = await issuer.mint({}, { kid: 'gone' })
    const ask = (token: string, network: number): Promise<string> =>
      caller.codeOf({ token, request: { remoteAddress: `203.0.${network}.7` } })
    caller.clock.advance(30_000)
    for (let network = 0; network < 50; network++) {
      expect(await ask(gone, network)).toBe('token_invalid')
      caller.clock.advance(1_000)
    }
    expect(server.asked).toHaveLength(2)
    caller.clock.advance(10_000)
    expect(await ask(gone, 60)).toBe('token_invalid')
    expect(server.asked).toHaveLength(3)
  })

  it('count as soon as they are there, though they were asked for before', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    await caller.codeOf({ token: await issuer.mint() })
    const next = await createTestIssuer('EdDSA', issuer.issuer)
    const token = await next.mint({}, { kid: 'next' })
    caller.clock.advance(30_000)
    expect(await caller.codeOf({ token })).toBe('token_invalid')
    server.answers.set('/jwks', { keys: [...issuer.jwks.keys, { ...next.jwks.keys[0], kid: 'next' }] })
    caller.clock.advance(1_000)
    expect(await caller.codeOf({ token })).toBe('token_invalid')
    const other = await issuer.mint({}, { kid: 'other' })
    await caller.codeOf({ token: other, request: { remoteAddress: '198.51.100.9' } })
    expect(await caller.codeOf({ token })).toBe('accepted')
  })

  it.each(['next', 'EdDSA-1'])('that are withdrawn take their tokens along: replaced by %s', async (kid) => {
    const { server, issuer, caller } = await createBench(byUrl, { times: { refreshAfterMs: 30_000, maxAgeMs: 60_000 } })
    const token = await issuer.mint()
    expect(await caller.codeOf({ token })).toBe('accepted')
    const next = await createTestIssuer('EdDSA', issuer.issuer)
    server.answers.set('/jwks', { keys: [{ ...next.jwks.keys[0], kid }] })
    caller.clock.advance(60_000)
    expect(await caller.codeOf({ token })).toBe('token_invalid')
  })

  it('stay while the endpoint is down, empty or broken', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    await caller.codeOf({ token: await issuer.mint() })
    for (const answer of [{ keys: [] }, { keys: 'none' }, { keys: [{ kty: 'oct', k: 'AAAA' }] }]) {
      server.answers.set('/jwks', answer)
      caller.clock.advance(400_000)
      expect(
        await caller.codeOf({
          token: await issuer.mint({ iat: caller.clock.seconds(), exp: caller.clock.seconds() + 60 }),
        }),
      ).toBe('accepted')
    }
  })

  it('are awaited in vain when the endpoint never worked', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    server.answers.delete('/jwks')
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('key_source_unavailable')
  })

  it('are used one by one: a bad one does not spoil the others', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    const weak = { kty: 'OKP', crv: 'Ed25519', kid: 'weak', x: Buffer.alloc(32).toString('base64url') }
    server.answers.set('/jwks', { keys: [weak, { kty: 'oct', k: 'AAAA' }, 7, null, ...issuer.jwks.keys] })
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('accepted')
    expect(await caller.codeOf({ token: await issuer.mint({}, { kid: 'weak' }) })).toBe('token_invalid')
  })

  it('of one name and two kinds are told apart by the algorithm; two of one kind are not', async () => {
    const { server, issuer, caller } = await createBench(byUrl)
    const [elliptic, twin] = await Promise.all([
      createTestIssuer('ES256', issuer.issuer),
      createTestIssuer('EdDSA', issuer.issuer),
    ])
    const named = [issuer, elliptic].map(({ jwks }) => ({ ...jwks.keys[0], kid: 'same' }))
    server.answers.set('/jwks', { keys: named })
    expect(await caller.codeOf({ token: await elliptic.mint({}, { kid: 'same' }) })).toBe('accepted')
    const doubled = await createBench(byUrl)
    const pair = [doubled.issuer, twin].map(({ jwks }) => ({ ...jwks.keys[0], kid: 'same' }))
    doubled.server.answers.set('/jwks', { keys: pair })
    expect(await doubled.caller.codeOf({ token: await doubled.issuer.mint({}, { kid: 'same' }) })).toBe('token_invalid')
    const second = await twin.mint({ iss: doubled.issuer.issuer }, { kid: 'same' })
    expect(await doubled.caller.codeOf({ token: second })).toBe('token_invalid')
  })
})

describe('discovery', () => {
  const RFC8414 = '/.well-known/oauth-authorization-server'
  const OIDC = '/.well-known/openid-configuration'

  it.each([
    [RFC8414, '', RFC8414],
    [`${RFC8414}/tenant`, '/tenant', RFC8414],
    [`/tenant${OIDC}`, '/tenant', OIDC],
    [OIDC, '/', OIDC],
  ])('finds the metadata at %s', async (place, path) => {
    const { server, issuer, caller } = await createBench(discovered, {}, path)
    server.answers.set(place, { issuer: issuer.issuer, jwks_uri: `${server.origin}/jwks` })
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('accepted')
  })

  it.each<[string, (server: Awaited<ReturnType<typeof startIssuerServer>>, issuer: string) => object]>([
    ['names no keys', (_server, issuer) => ({ issuer })],
    ['is of another issuer', (server) => ({ issuer: 'https://other.example', jwks_uri: `${server.origin}/x` })],
    ['is no object', () => []],
  ])('goes on to the second place where the first %s', async (_what, first) => {
    const { server, issuer, caller } = await createBench(discovered, {}, '/as')
    server.answers.set(`${RFC8414}/as`, first(server, issuer.issuer))
    server.answers.set(`/as${OIDC}`, { issuer: issuer.issuer, jwks_uri: `${server.origin}/jwks` })
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('accepted')
  })

  it('believes no metadata of another issuer', async () => {
    const { server, issuer, caller } = await createBench(discovered)
    const metadata = { issuer: `${issuer.issuer}/`, jwks_uri: `${server.origin}/jwks` }
    server.answers.set(RFC8414, metadata)
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('key_source_unavailable')
    expect(server.asked.map(({ path }) => path)).not.toContain('/jwks')
  })

  it('goes nowhere that may not be fetched from', async () => {
    const server = await startIssuerServer()
    const issuer = await createTestIssuer('EdDSA', server.origin)
    server.answers.set(RFC8414, { issuer: issuer.issuer, jwks_uri: 'https://169.254.169.254/latest' })
    const http = { ...LOOPBACK, allowPrivateAddresses: true, ports: [server.port] }
    const caller = createTokenCaller([], { issuers: [{ issuer: issuer.issuer, http }] })
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('key_source_unavailable')
  })
})

describe('a misconfigured issuer', () => {
  it.each<readonly [string, Partial<IssuerOptions>]>([
    ['issuers[].http: http needs allowHttp: true', { keys: { jwksUri: 'http://auth.example.com/jwks' } }],
    ['private address', { keys: { jwksUri: 'https://127.0.0.1/jwks' } }],
    ['absolute URL', { issuer: 'not a url' }],
    ['ERR_KEY_MATERIAL', { keys: { jwks: { keys: [] } } }],
    ['ERR_KEY_MATERIAL', { keys: { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } } }],
    ['algorithms', { algorithms: ['HS256' as 'ES256'] }],
    ['types', { types: [] }],
    ['actor', { actor: 'maybe' as 'optional' }],
    ['no option audiences', { audiences: [] } as Partial<IssuerOptions>],
    ['agentIds', { agentIds: { a: 'not an id' } }],
    ['maxAgeMs', { times: { maxAgeMs: 1 } }],
  ])('stops the application from starting: %s', (message, changes) => {
    const issuers = [{ issuer: 'https://auth.example.com', ...changes }]
    expect(() => createTokenCaller([], { issuers })).toThrow(message)
  })
})
