import { auth0, countermarkAuthority, entra, google, type IssuerOptions, keycloak, okta } from '../src/index.ts'
import { createTokenCaller } from './token-call.ts'
import { AUDIENCE, createTestIssuer, type Members, NOW, type TestIssuer } from './token-issuer.ts'

const TENANT = '11111111-2222-3333-4444-555555555555'
const TIMES = { iat: NOW, exp: NOW + 600, aud: AUDIENCE }

let rsa: TestIssuer
let edDsa: TestIssuer

beforeAll(async () => {
  rsa = await createTestIssuer('RS256')
  edDsa = await createTestIssuer('EdDSA')
})

/** Tokens as the provider in question writes them, honest and not. */
interface Row {
  readonly preset: (changes: object) => IssuerOptions
  readonly type: string | undefined
  readonly claims: Members
  readonly expected: readonly [agentId: string, scopes: readonly string[]]
  /** What makes the token another one. */
  readonly wrong: Members
}

const ROWS: Readonly<Record<string, Row>> = {
  auth0: {
    preset: (changes) => auth0('tenant.eu.auth0.com', changes),
    type: 'JWT',
    claims: {
      iss: 'https://tenant.eu.auth0.com/',
      sub: 'auth0|17',
      azp: 'abc123',
      scope: 'orders:read',
      gty: 'password',
    },
    expected: ['abc123', ['orders:read']],
    wrong: { nonce: 'an ID token has one' },
  },
  okta: {
    preset: (changes) => okta('example.okta.com', 'default', changes),
    type: undefined,
    claims: {
      iss: 'https://example.okta.com/oauth2/default',
      sub: 'ada@example.com',
      cid: '0oa1',
      jti: 'AT.1',
      scp: ['orders:read'],
    },
    expected: ['0oa1', ['orders:read']],
    wrong: { cid: undefined },
  },
  entra: {
    preset: (changes) => entra(TENANT, changes),
    type: 'JWT',
    claims: {
      iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      sub: 'pairwise',
      azp: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb',
      tid: TENANT,
      ver: '2.0',
      uti: 'u1',
      scp: 'Orders.Read Orders.Write',
      roles: ['Admin'],
    },
    expected: ['aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb', ['Orders.Read', 'Orders.Write']],
    wrong: { tid: 'another-tenant' },
  },
  keycloak: {
    preset: (changes) => keycloak('https://id.example.com/realms/main', changes),
    type: 'JWT',
    claims: {
      iss: 'https://id.example.com/realms/main',
      sub: 'f:1',
      typ: 'Bearer',
      azp: 'agt_buyer',
      jti: 'k1',
      scope: 'orders:read',
    },
    expected: ['agt_buyer', ['orders:read']],
    wrong: { typ: 'ID' },
  },
  google: {
    preset: (changes) => google({ ...changes, agentIds: { '1234567890': 'agt_reports' } }),
    type: 'JWT',
    claims: {
      iss: 'https://accounts.google.com',
      sub: '1234567890',
      azp: '1234567890',
      email: 'a@b.iam',
      at_hash: 'x',
    },
    expected: ['agt_reports', []],
    wrong: { sub: '9999999999' },
  },
  countermark: {
    preset: (changes) => countermarkAuthority('https://authority.example.com', changes),
    type: 'at+jwt',
    claims: {
      iss: 'https://authority.example.com',
      sub: 'agt_buyer',
      sub_profile: 'ai_agent',
      jti: 'c1',
      scope: 'a:b',
    },
    expected: ['agt_buyer', ['a:b']],
    wrong: { sub_profile: 'user' },
  },
}

describe.each(Object.entries(ROWS))('a token of %s', (name, { preset, type, claims, expected, wrong }) => {
  async function call(change: Members): Promise<unknown> {
    const signer = name === 'countermark' ? edDsa : rsa
    const options = preset({ keys: { jwks: signer.jwks } })
    const token = await signer.mintRaw(JSON.stringify({ ...TIMES, ...claims, ...change }), { typ: type })
    const result = await createTokenCaller([], { issuers: [options] }).call({ token })
    return typeof result === 'string' ? result : [result.agent.id, result.delegation.scopes]
  }

  it('counts as the provider writes it', async () => expect(await call({})).toEqual(expected))

  it('does not count when it is another one', async () => expect(await call(wrong)).toEqual(expect.any(String)))

  it('may name its actor by act', async () => {
    expect(await call({ act: { sub: '1234567890' } })).toEqual([
      name === 'google' ? 'agt_reports' : '1234567890',
      expected[1],
    ])
  })
})

describe('a token of Keycloak', () => {
  const call = async (claims: Members) => {
    const options = keycloak('https://id.example.com/realms/main', { keys: { jwks: rsa.jwks } })
    const whole = { ...TIMES, ...ROWS['keycloak']?.claims, ...claims }
    const token = await rsa.mintRaw(JSON.stringify(whole), { typ: 'JWT' })
    return createTokenCaller([], { issuers: [options] }).codeOf({ token })
  }

  it('may carry the nonce of the login', async () => expect(await call({ nonce: 'n-1' })).toBe('accepted'))

  it.each([
    { typ: 'ID', nonce: 'n-1' },
    { typ: 'Refresh' },
    { typ: 'Offline' },
    { typ: 'Logout' },
    { typ: undefined },
    { typ: ['Bearer'] },
    { typ: 'DPoP' },
    { typ: 'DPoP', cnf: 'x' },
  ])('does not count when it says %j', async (claims) => expect(await call(claims)).toBe('token_invalid'))
})

describe('a token of Entra', () => {
  const call = async (claims: Members) => {
    const token = await rsa.mintRaw(JSON.stringify({ ...TIMES, sub: 's', uti: 'u1', tid: TENANT, ...claims }), {
      typ: 'JWT',
    })
    const result = await createTokenCaller([], { issuers: [entra(TENANT, { keys: { jwks: rsa.jwks } })] }).call({
      token,
    })
    return typeof result === 'string' ? result : [result.agent.id, result.delegation.issuer]
  }
  const first = { iss: `https://sts.windows.net/${TENANT}/`, ver: '1.0', appid: 'app-1' }

  it('may be of version 1, and is of the same issuer', async () => {
    expect(await call(first)).toEqual(['app-1', `https://login.microsoftonline.com/${TENANT}/v2.0`])
  })

  it.each([
    { ver: '3.0' },
    { tid: 'another' },
    { iss: 'https://sts.windows.net/another/' },
    { iss: `https://sts.windows.net/${TENANT}` },
    { appid: undefined },
  ])('of version 1 does not count with %j', async (claims) => {
    expect(await call({ ...first, ...claims })).toEqual(expect.any(String))
  })
})

describe('a name that is no agent id', () => {
  it('is told to be mapped', async () => {
    const options = auth0('tenant.eu.auth0.com', { keys: { jwks: rsa.jwks }, actor: 'optional', actorClaims: [] })
    const claims = { ...TIMES, iss: 'https://tenant.eu.auth0.com/', sub: 'auth0|17' }
    const token = await rsa.mintRaw(JSON.stringify(claims), { typ: 'JWT' })
    const caller = createTokenCaller([], { issuers: [options] })
    expect(await caller.codeOf({ token })).toBe('actor_unauthorized')
    const mapped = createTokenCaller([], { issuers: [{ ...options, agentIds: { 'auth0|17': 'agt_17' } }] })
    expect(await mapped.codeOf({ token })).toBe('accepted')
  })
})

describe('a preset', () => {
  it.each([
    () => auth0('https://tenant.auth0.com'),
    () => okta('example', 'default'),
    () => okta('example.okta.com', '../default'),
    () => entra('contoso.onmicrosoft.com'),
    () => keycloak('id.example.com'),
    () => countermarkAuthority(''),
  ])('takes what it names and nothing else: %#', (make) => {
    expect(make).toThrow('ERR_OPTION_INVALID')
  })

  it('starts without fetching anything', () => {
    const issuers = [
      auth0('t.auth0.com'),
      okta('e.okta.com', 'x'),
      entra(TENANT),
      google(),
      keycloak('https://a.example/r'),
    ]
    expect(() =>
      createTokenCaller([], { issuers: [...issuers, countermarkAuthority('https://b.example')] }),
    ).not.toThrow()
  })
})
