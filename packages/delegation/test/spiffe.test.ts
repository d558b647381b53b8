import { spiffe } from '../src/index.ts'
import { LOOPBACK, useIssuerServers } from './issuer-server.ts'
import { createTokenCaller, signedBy } from './token-call.ts'
import { createTestIssuer, type Members, NOW, type TestIssuer } from './token-issuer.ts'

const WORKLOAD = 'spiffe://example.org/agents/buyer'
const startIssuerServer = useIssuerServers()

let svids: TestIssuer

beforeAll(async () => {
  svids = await createTestIssuer('ES256')
})

/** What SPIRE mints: `iss` is its own URL, or is left out. */
const mint = (claims: Members = {}, header: Members = {}): Promise<string> =>
  svids.mint(
    { iss: undefined, sub: WORKLOAD, act: undefined, client_id: undefined, jti: undefined, ...claims },
    { typ: 'JWT', ...header },
  )

const bundle = (changes: object = {}): { readonly keys: readonly object[] } => ({
  keys: svids.jwks.keys.map((key) => ({ ...key, use: 'jwt-svid', ...changes })),
})

const callerOf = (trusted: object = bundle()) =>
  createTokenCaller([], { issuers: [spiffe('example.org', { bundle: trusted as ReturnType<typeof bundle> })] })

describe('a JWT-SVID', () => {
  it.each([
    ['without iss', {}],
    ['with the URL of its server as iss', { iss: 'https://spire.example.org' }],
  ])('%s establishes the workload as agent', async (_, claims) => {
    const facts = await callerOf().call({ token: await mint(claims) })
    expect(facts).toMatchObject({ agent: { id: WORKLOAD, level: 'bearer' }, delegation: { subject: WORKLOAD } })
  })

  it('need not say when it was issued', async () => {
    expect(await callerOf().codeOf({ token: await mint({ iat: undefined }) })).toBe('accepted')
  })

  it('without a time of issue lives no longer than one with it', async () => {
    const ends = { iat: undefined, exp: NOW + 2 * 86_400 }
    expect(await callerOf().codeOf({ token: await mint(ends) })).toBe('token_expired')
  })

  it.each([['JOSE'], [undefined]])('may have the type %s', async (typ) => {
    expect(await callerOf().codeOf({ token: await mint({}, { typ }) })).toBe('accepted')
  })

  it('belongs to the workload that signs the request', async () => {
    const token = await mint()
    expect(await callerOf().codeOf({ token, facts: signedBy(WORKLOAD, 'thumbprint') })).toBe('accepted')
    expect(await callerOf().codeOf({ token, facts: signedBy('agt_other', 'thumbprint') })).toBe('actor_mismatch')
  })
})

describe('a bundle', () => {
  it('is fetched from its URL, keys of other uses passed over', async () => {
    const server = await startIssuerServer()
    const x509 = { ...svids.jwks.keys[0], use: 'x509-svid', x5c: ['AAAA'] }
    server.answers.set('/bundle', { ...bundle(), keys: [x509, ...bundle().keys], spiffe_refresh_hint: 60 })
    const trusted = spiffe('example.org', { bundleUri: `${server.origin}/bundle` }, { http: LOOPBACK })
    const caller = createTokenCaller([], { issuers: [trusted] })
    expect(await caller.codeOf({ token: await mint() })).toBe('accepted')
    expect(server.asked.map(({ path }) => path)).toEqual(['/bundle'])
  })

  it('without keys revokes all of them', async () => {
    const server = await startIssuerServer()
    server.answers.set('/bundle', bundle())
    const times = { refreshAfterMs: 60_000, maxAgeMs: 60_000 }
    const trusted = spiffe('example.org', { bundleUri: `${server.origin}/bundle` }, { http: LOOPBACK, times })
    const caller = createTokenCaller([], { issuers: [trusted] })
    const token = await mint()
    expect(await caller.codeOf({ token })).toBe('accepted')
    server.answers.set('/bundle', { keys: [] })
    caller.clock.advance(60_000)
    expect(await caller.codeOf({ token })).toBe('token_invalid')
  })

  it.each([
    ['a trust domain with a port', () => spiffe('example.org:443', { bundle: bundle() })],
    ['a JWK Set for a trust domain', () => ({ issuer: 'spiffe://example.org', keys: { jwks: bundle() } })],
    ['a bundle for an issuer that is none', () => ({ issuer: 'https://id.example.org', keys: { bundle: bundle() } })],
  ])('refuses %s at the start', (_, trusted) => {
    expect(() => createTokenCaller([], { issuers: [trusted()] })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })
})

describe('an attacker', () => {
  it.each([
    ['a workload of another trust domain', { sub: 'spiffe://example.com/agents/buyer' }, 'token_invalid'],
    ['another workload by naming the domain as iss', { iss: 'spiffe://example.org', sub: 'user_17' }, 'token_invalid'],
    ['a workload of a domain that contains ours', { sub: 'spiffe://example.org.evil.example/x' }, 'token_invalid'],
    ['a workload by a path that goes up', { sub: 'spiffe://example.org/agents/../admin' }, 'token_invalid'],
    ['another service', { aud: 'https://other.example.com' }, 'token_audience'],
  ])('cannot pass for %s', async (_, claims, code) => {
    expect(await callerOf().codeOf({ token: await mint(claims) })).toBe(code)
  })

  it.each<readonly [string, Members]>([
    ['a workload of another domain', { act: { sub: WORKLOAD } }],
    ['one that acted before', { act: { sub: 'spiffe://partner.example/a', act: { sub: WORKLOAD } } }],
    ['one in the name of that domain', { act: { sub: WORKLOAD, iss: 'spiffe://example.org' } }],
    ['an agent of the registry', { act: { sub: 'agt_buyer' } }],
    ['the domain itself', { sub: 'spiffe://partner.example' }],
  ])('cannot have a trust domain name as agent %s', async (_, claims) => {
    const partner = await createTestIssuer('ES256')
    const partnerBundle = { keys: partner.jwks.keys.map((key) => ({ ...key, use: 'jwt-svid' })) }
    const trusted = [spiffe('example.org', { bundle: bundle() }), spiffe('partner.example', { bundle: partnerBundle })]
    const svid = { iss: undefined, jti: undefined, client_id: undefined, sub: 'spiffe://partner.example/buyer' }
    const token = await partner.mint({ ...svid, ...claims }, { typ: 'JWT' })
    expect(await createTokenCaller([], { issuers: trusted }).codeOf({ token })).toBe('token_invalid')
  })

  it('cannot have another issuer’s users named by a trust domain', async () => {
    const issuer = await createTestIssuer('ES256')
    const trusted = [issuer.options(), spiffe('example.org', { bundle: bundle() })]
    const token = await mint({ iss: issuer.issuer })
    expect(await createTokenCaller([], { issuers: trusted }).codeOf({ token })).toBe('token_invalid')
  })
})
