import { setImmediate } from 'node:timers/promises'
import { isThenable } from '@countermark/core/internal'
import fc from 'fast-check'
import { createRevocations, type VerifyDelegationOptions } from '../src/index.ts'
import { useOneIssuer } from './one-issuer.ts'
import { createTokenCaller, signedBy } from './token-call.ts'
import { AUDIENCE, createTestIssuer, type Members, NOW, type TestIssuer } from './token-issuer.ts'

const { issuer } = useOneIssuer()

function counted({ environment }: ReturnType<typeof createTokenCaller>): Readonly<Record<string, number>> {
  const results = environment.observer.measurements
    .filter(({ name }) => name === 'delegation_tokens_total')
    .map(({ labels }) => labels?.['result'] ?? '')
  return Object.fromEntries(
    [...new Set(results)].map((result) => [result, results.filter((one) => one === result).length]),
  )
}

describe('a token that was verified', () => {
  it('is accepted at once, without a promise', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    const first = caller.answer({ token })
    expect(isThenable(first)).toBe(true)
    await first
    const second = caller.answer({ token })
    expect(isThenable(second)).toBe(false)
    expect(second).toEqual(await first)
    expect(counted(caller)).toEqual({ verified: 1, remembered: 1 })
  })

  it('is verified once for a hundred requests that come together', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    await Promise.all(Array.from({ length: 100 }, () => caller.answer({ token })))
    expect(counted(caller)).toEqual({ verified: 1 })
  })

  it('is refused the moment it ends', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    expect(await caller.codeOf({ token })).toBe('accepted')
    caller.clock.advance(599_999)
    expect(await caller.codeOf({ token })).toBe('accepted')
    caller.clock.advance(1)
    expect(await caller.codeOf({ token })).toBe('token_expired')
  })

  it('is refused the moment it is revoked, and accepted when that is taken back', async () => {
    const { clock } = createTokenCaller([issuer()])
    const revocations = createRevocations({ clock })
    const caller = createTokenCaller([issuer()], { revocations })
    const token = await issuer().mint()
    expect(await caller.codeOf({ token })).toBe('accepted')
    revocations.apply({ type: 'token', issuer: issuer().issuer, tokenId: 'dlg_1' })
    expect(await caller.codeOf({ token })).toBe('token_revoked')
    revocations.withdraw({ type: 'token', issuer: issuer().issuer, tokenId: 'dlg_1' })
    expect(await caller.codeOf({ token })).toBe('accepted')
  })

  it('is refused before its time, and accepted when that has come', async () => {
    const caller = createTokenCaller([issuer()], { clockSkewSeconds: 0 })
    const token = await issuer().mint({ nbf: NOW + 100 })
    expect([await caller.codeOf({ token }), await caller.codeOf({ token })]).toEqual(['token_expired', 'token_expired'])
    caller.clock.advance(100_000)
    expect(await caller.codeOf({ token })).toBe('accepted')
    expect(counted(caller)).toEqual({ verified: 1, remembered: 2 })
  })

  it('counts only from its networks, wherever it came from before', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint({ restrictip: ['192.0.2.0/24'] })
    const from = (remoteAddress: string): Promise<string> => caller.codeOf({ token, request: { remoteAddress } })
    expect([await from('192.0.2.7'), await from('198.51.100.7'), await from('192.0.2.8')]).toEqual([
      'accepted',
      'constraint_violation',
      'accepted',
    ])
    expect(counted(caller)).toEqual({ verified: 1, remembered: 2 })
  })

  it('proves nothing for another verifier', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint({ cnf: { kid: 'k'.repeat(43) } })
    expect(await caller.codeOf({ token, facts: signedBy('agt_buyer', 'k'.repeat(43)) })).toBe('accepted')
    expect(await caller.codeOf({ token, facts: signedBy('agt_buyer', 'x'.repeat(43)) })).toBe('token_binding_mismatch')
    expect(await caller.codeOf({ token })).toBe('token_binding_mismatch')
  })

  it('has one spelling: another one is not found, and not taken', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    await caller.answer({ token })
    expect(await caller.codeOf({ token: `${token}=` })).toBe('token_malformed')
  })

  it('is not remembered when it was refused', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint({ aud: 'https://other.example' })
    await caller.codeOf({ token })
    await caller.codeOf({ token })
    expect(counted(caller)).toEqual({ refused: 2 })
  })

  it('makes room for others: no more are remembered than there may be', async () => {
    const caller = createTokenCaller([issuer()], { rememberedTokens: 2 })
    const tokens = await Promise.all(['a', 'b', 'c'].map((jti) => issuer().mint({ jti })))
    for (const token of tokens) await caller.answer({ token })
    expect(isThenable(caller.answer({ token: tokens[2] ?? '' }))).toBe(false)
    expect(isThenable(caller.answer({ token: tokens[0] ?? '' }))).toBe(true)
  })

  it('makes room by its length, too: an agent that hands on makes tokens as long as may be, and as many', async () => {
    const caller = createTokenCaller([issuer()], { rememberedTokens: 10 })
    const note = 'x'.repeat(5000)
    const tokens = await Promise.all([1, 2, 3, 4].map((jti) => issuer().mint({ jti: `dlg_${jti}`, note })))
    for (const token of tokens) await caller.answer({ token })
    expect(tokens.map((token) => isThenable(caller.answer({ token })))).toEqual([true, true, false, false])
  })

  it('is not found under a text that only looks like its own', async () => {
    const caller = createTokenCaller([issuer()])
    const token = await issuer().mint()
    await caller.answer({ token })
    const lookalikes = [`${token}\u00e9`, `\u0430${token.slice(1)}`, `${token}\ud800`, token.toUpperCase()]
    const asked = lookalikes.map((text) => caller.codeOf({ headers: [['Agent-Delegation', text]] }))
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['token_malformed']))
  })

  it('may be verified anew each time', async () => {
    const caller = createTokenCaller([issuer()], { rememberedTokens: 0 })
    const token = await issuer().mint()
    await caller.answer({ token })
    expect(isThenable(caller.answer({ token }))).toBe(true)
  })
})

describe('too many tokens at once', () => {
  it('are shed instead of piling up', async () => {
    const fetch = (): Promise<never> => new Promise(() => undefined)
    const issuers = [
      issuer().options({ keys: { jwksUri: 'https://auth.example.com/jwks' }, http: { fetch, deadlineMs: 50 } }),
    ]
    const caller = createTokenCaller([], { issuers })
    const tokens = await Promise.all(Array.from({ length: 193 }, (_, index) => issuer().mint({ jti: String(index) })))
    const waiting = tokens.slice(0, 192).map((token) => caller.codeOf({ token }))
    expect(await caller.codeOf({ token: tokens[192] ?? '' })).toBe('overloaded')
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['key_source_unavailable']))
  })

  it('leave room for those of another issuer, while the keys of theirs are waited for', async () => {
    const silent = issuer().options({
      keys: { jwksUri: 'https://auth.example.com/jwks' },
      http: { fetch: (): Promise<never> => new Promise(() => undefined), deadlineMs: 50 },
    })
    const other = await createTestIssuer('ES256', 'https://idp.example.org')
    const caller = createTokenCaller([], { issuers: [silent, other.options()] })
    // No signature is needed for that.
    const forged = (jti: number): Promise<string> => other.mint({ iss: silent.issuer, jti: String(jti) })
    const flood = await Promise.all(Array.from({ length: 300 }, (_, index) => forged(index)))
    const honest = await other.mint()
    const waiting = flood.map((token) => caller.codeOf({ token }))
    // As requests come: one after the other.
    await setImmediate()
    expect(await caller.codeOf({ token: honest })).toBe('accepted')
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['key_source_unavailable', 'overloaded']))
  })
})

describe('verifiers that differ', () => {
  let others: readonly TestIssuer[]

  beforeAll(async () => {
    others = await Promise.all([createTestIssuer(), createTestIssuer('ES256', 'https://idp.example.org')])
  })

  /** The usual value, and now and then another one, so that verifiers agree on much and not on everything. */
  function mostly<Value>(usual: Value, ...rare: readonly Value[]): fc.Arbitrary<Value> {
    return fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...rare) })
  }

  /** Settings that decide. */
  const settings = fc.record({
    audience: mostly(AUDIENCE, 'https://other.example'),
    requirePoP: mostly(false, true),
    maxDepth: mostly(4, 1, 2),
    clockSkewSeconds: mostly(30, 0),
    tokenFrom: mostly<'either' | 'authorization'>('either', 'authorization'),
    httpSignatureForJkt: mostly(false, true),
    offline: mostly<object | undefined>(undefined, {}),
    issuer: fc.record({
      which: mostly(0, 1, 2),
      types: mostly(['at+jwt'], ['JWT']),
      requiredClaims: mostly(['jti'], ['auth_time']),
      maxLifetimeSeconds: mostly(3600, 300),
      actor: mostly<'required' | 'optional'>('required', 'optional'),
      agentIds: mostly<Record<string, string> | undefined>(undefined, { agt_buyer: 'agt_x' }),
      algorithms: mostly<('EdDSA' | 'ES256')[]>(['EdDSA', 'ES256'], ['EdDSA'], ['ES256']),
      missingAudience: mostly<'refuse' | 'accept'>('refuse', 'accept'),
      scopeClaims: mostly(['scope'], ['scp']),
    }),
  })

  const claims = fc.constantFrom<Members>(
    {},
    { aud: undefined },
    { aud: 'https://other.example' },
    { act: undefined },
    { act: { sub: 'agt_buyer', act: { sub: 'agt_clerk' } } },
    { iat: NOW + 20 },
    { exp: NOW + 3600 },
    { cnf: { jkt: 'k'.repeat(43) } },
    { cnf: { kid: 'k'.repeat(43) } },
    { auth_time: NOW },
  )

  function optionsOf(
    drawn: typeof settings extends fc.Arbitrary<infer Drawn> ? Drawn : never,
  ): VerifyDelegationOptions {
    const { issuer: drawnIssuer, offline, ...rest } = drawn
    const { which, agentIds, ...changes } = drawnIssuer
    const chosen = [issuer(), ...others][which] ?? issuer()
    const issuerOptions = chosen.options(agentIds === undefined ? changes : { ...changes, agentIds })
    return { issuers: [issuerOptions], ...(offline === undefined ? {} : { offline }), ...rest }
  }

  it('never share an answer, and answer what they would answer without a memory', async () => {
    const seen = { accepted: 0, refused: 0, apart: 0 }
    await fc.assert(
      fc.asyncProperty(settings, settings, claims, fc.boolean(), async (one, other, members, isSigned) => {
        const token = await issuer().mint(members)
        const facts = isSigned ? signedBy('agt_buyer', 'k'.repeat(43)) : {}
        const input = { headers: [['Agent-Delegation', token] as const], facts }
        const callers = [one, other].flatMap((drawn) => {
          try {
            const options = optionsOf(drawn)
            return [
              [createTokenCaller([], options), createTokenCaller([], { ...options, rememberedTokens: 0 })] as const,
            ]
          } catch {
            // No key of that issuer fits the algorithms that were drawn.
            return []
          }
        })
        const answers: string[] = []
        for (const [caller, forgetful] of [...callers, ...callers]) {
          const answer = await caller.call(input)
          expect(answer).toEqual(await forgetful.call(input))
          seen[typeof answer === 'string' ? 'refused' : 'accepted']++
          answers.push(JSON.stringify(answer))
        }
        if (new Set(answers).size > 1) seen.apart++
      }),
      { numRuns: 150 },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20)
  }, 60_000)
})
