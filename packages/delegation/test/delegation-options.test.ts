import { createGuardComposer, createGuardSettings, defineCheck } from '@countermark/core'
import { memoryReplayStore } from '@countermark/replay'
import { type VerifyDelegationOptions, verifyDelegation } from '../src/index.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller, type TokenCaller } from './token-call.ts'
import { AUDIENCE, NOW } from './token-issuer.ts'

const { issuer } = useOneIssuer()

describe('verifyDelegation', () => {
  it.each<readonly [string, object]>([
    ['ERR_OPTION_MISSING', { issuers: undefined }],
    ['ERR_OPTION_MISSING', { issuers: [] }],
    ['ERR_OPTION_MISSING', { audience: undefined }],
    ['audience', { audience: [] }],
    ['audience', { audience: '' }],
    ['audience', { audience: [7] }],
    ['did you mean audience', { audiences: [AUDIENCE] }],
    ['tokenFrom', { tokenFrom: 'query' }],
    ['token must be a function', { token: 'cookie' }],
    ['leave one out', { token: () => undefined, tokenFrom: 'either' }],
    ['requirePoP', { requirePoP: 'false' }],
    ['httpSignatureForJkt', { httpSignatureForJkt: 1 }],
    ['maxDepth', { maxDepth: 0 }],
    ['maxDepth', { maxDepth: Number.NaN }],
    ['clockSkewSeconds', { clockSkewSeconds: 301 }],
    ['agents', { agents: {} }],
    ['revocations', { revocations: [] }],
    ['offline', { offline: { maxLinks: 2 } }],
    ['coversScope', { offline: { coversScope: true } }],
    ['resourceMetadata', { resourceMetadata: 'not a "url"' }],
    ['rememberedTokens', { rememberedTokens: -1 }],
  ])('refuses to start: %s', (message, changes) => {
    expect(() => verifyDelegation({ issuers: [issuer().options()], audience: AUDIENCE, ...changes })).toThrow(message)
  })

  it('refuses one issuer twice', () => {
    const issuers = [issuer().options(), issuer().options()]
    expect(() => verifyDelegation({ issuers, audience: AUDIENCE })).toThrow('once')
  })

  it('refuses to stand before the check that verifies signatures', () => {
    const signing = defineCheck({ name: 'sign', needs: [], adds: ['agent', 'proof'] }, () => ({}))
    const tokens = verifyDelegation({ issuers: [issuer().options()], audience: AUDIENCE })
    const compose = createGuardComposer(createGuardSettings({ origins: ['api.example.com'] }))
    expect(() => compose({}, [tokens, signing])).toThrow('ERR_CHECK_ORDER')
    expect(() => compose({}, [signing, tokens])).not.toThrow()
    expect(() => compose({}, [tokens])).not.toThrow()
  })
})

describe('where a token stands', () => {
  const token = (): Promise<string> => issuer().mint()

  it('is Authorization, or Agent-Delegation where Authorization is taken', async () => {
    const caller = createTokenCaller([issuer()])
    const field = ['Agent-Delegation', await token()] as const
    expect(await caller.codeOf({ headers: [field] })).toBe('accepted')
    expect(await caller.codeOf({ headers: [['Authorization', 'Basic YTpi'], field] })).toBe('accepted')
    expect(await caller.codeOf({ token: await token(), headers: [field] })).toBe('request_malformed')
  })

  it('may be one of the two only', async () => {
    const field = ['Agent-Delegation', await token()] as const
    const first = createTokenCaller([issuer()], { tokenFrom: 'authorization' })
    const second = createTokenCaller([issuer()], { tokenFrom: 'agent-delegation' })
    expect(await first.codeOf({ headers: [field] })).toBe('credentials_missing')
    expect(await second.codeOf({ token: await token() })).toBe('credentials_missing')
    expect(await second.codeOf({ token: 'of-another', headers: [field] })).toBe('accepted')
  })

  it.each<readonly [string, string]>([
    ['Basic YTpi', 'credentials_missing'],
    ['eyJhbGciOiJFZERTQSJ9.e30.AAAA', 'credentials_missing'],
    ['Bearer', 'token_malformed'],
    ['Bearer  a.b.c', 'token_malformed'],
    ['Bearer a.b.c d.e.f', 'token_malformed'],
    ['Bearer a.b.c,d', 'token_malformed'],
    ['Bearer\ta.b.c', 'token_malformed'],
    ['Beareraaa', 'token_malformed'],
    ['DPoP "a.b.c"', 'token_malformed'],
  ])('is no place for "%s" (A12)', async (authorization, expected) => {
    expect(await createTokenCaller([issuer()]).codeOf({ headers: [['Authorization', authorization]] })).toBe(expected)
  })

  it('is never the query', async () => {
    const caller = createTokenCaller([issuer()])
    const request = { url: `https://api.example.com/orders?a=1&access_token=${await token()}` }
    expect(await caller.codeOf({ request })).toBe('credentials_missing')
    expect(await caller.codeOf({ token: await token(), request })).toBe('request_malformed')
  })
})

describe('what a refused caller is told', () => {
  async function told(
    token: string | undefined,
    changes: Partial<VerifyDelegationOptions> = {},
    scheme = 'Bearer',
  ): ReturnType<TokenCaller['refuse']> {
    return createTokenCaller([issuer()], changes).refuse({ ...(token === undefined ? {} : { token }), scheme })
  }

  const resourceMetadata = 'https://api.example.com/.well-known/oauth-protected-resource'
  const withDpop = (): Partial<VerifyDelegationOptions> => ({
    dpop: { store: memoryReplayStore({ startedAt: 0, allowSingleProcess: true }) },
  })

  it('is every scheme when nothing came, none of them with an error', async () => {
    expect((await told(undefined)).challenges).toEqual(['Bearer realm="api.example.com"'])
    expect((await told(undefined, { ...withDpop(), resourceMetadata })).challenges).toEqual([
      `Bearer realm="api.example.com", resource_metadata="${resourceMetadata}"`,
      `DPoP realm="api.example.com", algs="EdDSA Ed25519 ES256", resource_metadata="${resourceMetadata}"`,
    ])
  })

  it('is the error, on the scheme that was used', async () => {
    const token = await issuer().mint({ exp: NOW })
    expect((await told(token, { resourceMetadata })).challenges).toEqual([
      `Bearer realm="api.example.com", error="invalid_token", resource_metadata="${resourceMetadata}", error_description="token_expired"`,
    ])
    expect((await told(token, withDpop(), 'DPoP')).challenges).toEqual([
      'DPoP realm="api.example.com", error="invalid_token", algs="EdDSA Ed25519 ES256", error_description="token_expired"',
    ])
  })

  it('never holds anything of the token', async () => {
    const token = await issuer().mint({ exp: NOW, sub: 'secret-user' })
    const { challenges } = await told(token)
    expect(token.split('.').map((part) => challenges.join().includes(part))).toEqual([false, false, false])
  })
})
