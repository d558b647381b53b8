import { createTokenCaller, signedBy } from './token-call.ts'
import { AUDIENCE, createTestIssuer, NOW } from './token-issuer.ts'

describe('a delegation token', () => {
  it('establishes the agent it names, by no more than a bearer proves', async () => {
    const issuer = await createTestIssuer()
    const caller = createTokenCaller([issuer])
    expect(await caller.call({ token: await issuer.mint() })).toEqual({
      agent: { id: 'agt_buyer', level: 'bearer', scheme: 'bearer', record: { id: 'agt_buyer', state: 'active' } },
      delegation: {
        issuer: 'https://auth.example.com',
        subject: 'user_17',
        tokenId: 'dlg_1',
        actor: { id: 'agt_buyer', issuer: undefined },
        priorActors: [],
        scopes: ['orders:read', 'orders:write'],
        authorizationDetails: [],
        audiences: [AUDIENCE],
        issuedAt: NOW,
        expiresAt: NOW + 600,
        binding: 'none',
        claims: expect.objectContaining({ client_id: 'agt_buyer' }),
      },
    })
  })

  it.each(['EdDSA', 'Ed25519', 'ES256', 'RS256', 'PS256'])('may be signed with %s', async (algorithm) => {
    const issuer = await createTestIssuer(algorithm)
    const caller = createTokenCaller([issuer])
    expect(await caller.codeOf({ token: await issuer.mint() })).toBe('accepted')
  })

  it('leaves the signing agent as it is', async () => {
    const issuer = await createTestIssuer()
    const caller = createTokenCaller([issuer], { requirePoP: true })
    const facts = signedBy('agt_buyer', 'a'.repeat(43))
    expect(await caller.call({ token: await issuer.mint(), facts })).toMatchObject({ agent: facts.agent })
  })
})
