import type { IssuerOptions } from '../src/index.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller } from './token-call.ts'
import { AUDIENCE, createTestIssuer, type Members, NOW } from './token-issuer.ts'

const { issuer, codeOf, codeOfClaims } = useOneIssuer()

describe('the audience (A7)', () => {
  it.each([
    undefined,
    null,
    [],
    [[AUDIENCE]],
    { 0: AUDIENCE },
    [null, AUDIENCE],
    ['', AUDIENCE],
    'https://other.example',
    `${AUDIENCE}/`,
    AUDIENCE.toUpperCase(),
    `${AUDIENCE}.evil.example`,
  ])('must name this service: %j', async (aud) => {
    expect(await codeOfClaims({ aud })).toBe('token_audience')
  })

  it('may be one of several', async () => {
    expect(await codeOfClaims({ aud: ['https://dns.example.com', AUDIENCE] })).toBe('accepted')
  })

  it('may be missing where an issuer is configured so, and never wrong', async () => {
    expect(await codeOfClaims({ aud: undefined }, { missingAudience: 'accept' })).toBe('accepted')
    expect(await codeOfClaims({ aud: 'https://other.example' }, { missingAudience: 'accept' })).toBe('token_audience')
    expect(await codeOfClaims({ aud: [] }, { missingAudience: 'accept' })).toBe('token_audience')
  })

  it('may be another one for one issuer', async () => {
    expect(await codeOfClaims({ aud: 'api://orders' }, { audience: ['api://orders'] })).toBe('accepted')
    expect(await codeOfClaims({}, { audience: 'api://orders' })).toBe('token_audience')
  })
})

describe('the issuer (A8)', () => {
  it.each([
    undefined,
    null,
    '',
    7,
    'https://auth.example.com/',
    'https://AUTH.example.com',
    'https://auth.examplе.com',
  ])('is compared character by character: %j', async (iss) => expect(await codeOfClaims({ iss })).toBe('token_invalid'))

  it('is no list', async () => {
    expect(await codeOfClaims({ iss: [issuer().issuer] })).toBe('token_invalid')
  })

  it('signs with its own keys only', async () => {
    const other = await createTestIssuer('EdDSA', 'https://idp.example.org')
    const caller = createTokenCaller([issuer(), other])
    expect(await caller.codeOf({ token: await other.mint() })).toBe('accepted')
    expect(await caller.codeOf({ token: await other.mint({ iss: issuer().issuer }) })).toBe('token_invalid')
  })
})

describe('times (A9)', () => {
  it.each([undefined, null, '2', true, [], {}])('an exp that is no number: %j', async (exp) => {
    expect(await codeOfClaims({ exp })).toBe('token_invalid')
  })

  it.each(['1e400', '9007199254740993e9'])('a number beyond all: %s', async (exp) => {
    const token = await issuer().mintRaw(
      `{"iss":"${issuer().issuer}","sub":"u","aud":"${AUDIENCE}","jti":"x","iat":${NOW},"exp":${exp},"act":{"sub":"agt_a"}}`,
    )
    expect(['token_malformed', 'token_invalid', 'token_expired']).toContain(await codeOf(token))
  })

  it.each([0, -1, NOW - 1, NOW, (NOW + 600) * 1000, 253402300799999, NOW + 3601])(
    'an exp that does not count: %d',
    async (exp) => {
      expect(await codeOfClaims({ exp })).toBe('token_expired')
    },
  )

  it('an end inside the present second still counts, and a fraction is a time', async () => {
    expect(await codeOfClaims({ exp: NOW + 0.5 })).toBe('accepted')
    expect(await codeOfClaims({ exp: NOW + 3600 })).toBe('accepted')
  })

  it.each([undefined, null, '1', NOW * 1000])('an iat that is none, or of another age: %j', async (iat) => {
    expect(await codeOfClaims({ iat, exp: NOW + 10 })).toBe(iat === NOW * 1000 ? 'token_expired' : 'token_invalid')
  })

  it("lets the issuer's clock be ahead by the skew, and by no more", async () => {
    expect(await codeOfClaims({ iat: NOW + 30, nbf: NOW + 30 })).toBe('accepted')
    expect(await codeOfClaims({ iat: NOW + 31 })).toBe('token_expired')
    expect(await codeOfClaims({ nbf: NOW + 31 })).toBe('token_expired')
    expect(await codeOfClaims({ nbf: 'now' })).toBe('token_invalid')
  })

  it('limits a life to an hour, to what the issuer is configured for, and to a day', async () => {
    expect(await codeOfClaims({ exp: NOW + 7200 }, { maxLifetimeSeconds: 7200 })).toBe('accepted')
    expect(() => createTokenCaller([], { issuers: [issuer().options({ maxLifetimeSeconds: 86_401 })] })).toThrow(
      'maxLifetimeSeconds',
    )
  })
})

describe('claims', () => {
  it.each([undefined, null, '', 7, ['user_17'], 'x'.repeat(257)])('sub must be a short string: %j', async (sub) => {
    expect(await codeOfClaims({ sub })).toBe('token_invalid')
  })

  it('must be there when they are required', async () => {
    expect(await codeOfClaims({ jti: undefined })).toBe('token_invalid')
    expect(await codeOfClaims({ jti: undefined }, { requiredClaims: [] })).toBe('accepted')
    expect(await codeOfClaims({}, { requiredClaims: ['auth_time'] })).toBe('token_invalid')
  })

  it('must have the value that is expected', async () => {
    expect(await codeOfClaims({ tid: 'ours' }, { expectedClaims: { tid: 'ours' } })).toBe('accepted')
    expect(await codeOfClaims({ tid: 'theirs' }, { expectedClaims: { tid: 'ours' } })).toBe('token_invalid')
    expect(await codeOfClaims({}, { expectedClaims: { toString: 'ours' } })).toBe('token_invalid')
  })

  it('may not occur twice (A15)', async () => {
    const token = await issuer().mintRaw(`{"iss":"${issuer().issuer}","sub":"a","sub":"admin"}`)
    expect(await codeOf(token)).toBe('token_malformed')
  })

  it('reach nothing through __proto__ (A15)', async () => {
    const token = await issuer().mintRaw(`{"iss":"${issuer().issuer}","__proto__":{"scope":"*"}}`)
    expect(await codeOf(token)).toBe('token_malformed')
    expect(Reflect.get({}, 'scope')).toBeUndefined()
  })

  it('come frozen, and inherit nothing', async () => {
    const result = await createTokenCaller([issuer()]).call({ token: await issuer().mint({ deep: { a: [1] } }) })
    const claims = typeof result === 'string' ? {} : result.delegation.claims
    expect(Object.getPrototypeOf(claims)).toBeNull()
    expect([Object.isFrozen(claims), Object.isFrozen(claims['deep'])]).toEqual([true, true])
  })

  it('may hold authorization_details, if these are objects with a type', async () => {
    const details = [{ type: 'urn:agent-auth:capability:1', actions: ['refunds:write'] }]
    const result = await createTokenCaller([issuer()]).call({
      token: await issuer().mint({ authorization_details: details }),
    })
    expect(result).toMatchObject({ delegation: { authorizationDetails: [details] } })
    for (const wrong of [null, {}, [null], [{ actions: [] }], [{ type: '' }], 'x']) {
      expect(await codeOfClaims({ authorization_details: wrong })).toBe('token_invalid')
    }
  })
})

describe('scopes', () => {
  async function scopesOf(claims: Members, changes: Partial<IssuerOptions> = {}): Promise<readonly string[]> {
    const caller = createTokenCaller([], { issuers: [issuer().options(changes)] })
    const result = await caller.call({ token: await issuer().mint({ scope: undefined, ...claims }) })
    return typeof result === 'string' ? [result] : result.delegation.scopes
  }

  it('are words of a string, or a list', async () => {
    expect(await scopesOf({ scope: 'a:b  c:d a:b' })).toEqual(['a:b', 'c:d'])
    expect(await scopesOf({ scopes: ['a:b', 'c:d'] })).toEqual(['a:b', 'c:d'])
    expect(await scopesOf({ scp: 'a' }, { scopeClaims: ['scp', 'roles'] })).toEqual(['a'])
    expect(await scopesOf({ roles: ['r'] }, { scopeClaims: ['scp', 'roles'] })).toEqual(['r'])
  })

  it.each([undefined, null, 7, {}, ['a', 7], [['a']]])('of any other kind grant nothing: %j', async (scope) => {
    expect(await scopesOf({ scope })).toEqual([])
  })
})

describe('an audience that must be the only one', () => {
  const codeOfAudience = async (aud: unknown, only: string | readonly string[] = AUDIENCE): Promise<string> => {
    const caller = createTokenCaller([issuer()], { audience: { only } })
    return caller.codeOf({ token: await issuer().mint({ aud }) })
  }

  it('refuses a token that another service could use as well', async () => {
    const other = 'https://other.example'
    expect([await codeOfAudience(AUDIENCE), await codeOfAudience([AUDIENCE])]).toEqual(['accepted', 'accepted'])
    expect([await codeOfAudience([AUDIENCE, other]), await codeOfAudience([other, AUDIENCE])]).toEqual([
      'token_audience',
      'token_audience',
    ])
    expect(await codeOfAudience([AUDIENCE, other], [AUDIENCE, other])).toBe('accepted')
    expect(await codeOfAudience([])).toBe('token_audience')
  })

  it.each([{ only: '' }, { only: [] }, { only: AUDIENCE, also: 'x' }])('is checked at the start: %j', (audience) => {
    expect(() => createTokenCaller([issuer()], { audience: audience as { only: string } })).toThrow(TypeError)
  })
})
