import { createFakeClock } from '@countermark/testing'
import { delegateOffline } from '../src/index.ts'
import type { IntrospectionOptions } from '../src/revocation/introspection.ts'
import { createDpopProver } from './dpop-prover.ts'
import { type IssuerServer, LOOPBACK, useIssuerServers } from './issuer-server.ts'
import { createTokenCaller, signedBy, type TokenCaller } from './token-call.ts'
import { createTestIssuer, type TestIssuer } from './token-issuer.ts'

const startIssuerServer = useIssuerServers()

interface Bench {
  readonly server: IssuerServer
  readonly issuer: TestIssuer
  readonly caller: TokenCaller
  readonly ask: () => Promise<string>
}

async function createBench(answer: object | undefined, changes: Partial<IntrospectionOptions> = {}): Promise<Bench> {
  const server = await startIssuerServer()
  const issuer = await createTestIssuer()
  if (answer !== undefined) server.answers.set('/introspect', answer)
  const introspection = {
    endpoint: `${server.origin}/introspect`,
    clientId: 'api:1',
    clientSecret: 's%cret ü',
    ...changes,
  }
  const caller = createTokenCaller([], { issuers: [issuer.options({ introspection, http: LOOPBACK })] })
  const token = await issuer.mint()
  return { server, issuer, caller, ask: () => caller.codeOf({ token }) }
}

describe('a token that its issuer is asked about', () => {
  it('counts while the issuer says so', async () => {
    const { server, ask } = await createBench({ active: true })
    expect(await ask()).toBe('accepted')
    const [asked] = server.asked
    expect(asked?.method).toBe('POST')
    expect(new URLSearchParams(asked?.body).get('token')).toMatch(/^ey/)
    const basic = Buffer.from(asked?.headers.authorization?.slice('Basic '.length) ?? '', 'base64').toString()
    expect(basic.split(':').map(decodeURIComponent)).toEqual(['api:1', 's%cret ü'])
  })

  it.each([{ active: false }, { active: true, iss: 'https://evil.example' }])('does not count: %j', async (answer) => {
    expect(await (await createBench(answer)).ask()).toBe('token_revoked')
  })

  it.each([undefined, {}, { active: 'true' }, []])('cannot be told: %j', async (answer) => {
    expect(await (await createBench(answer)).ask()).toBe('revocation_unavailable')
  })

  it('is asked about without the links that agents put behind it', async () => {
    const { server, issuer } = await createBench({ active: true })
    const [buyer, worker] = [createDpopProver(), createDpopProver()]
    const received = await issuer.mint({ cnf: { jwk: buyer.jwk }, max_depth: 1 })
    const to = { agentId: 'agt_worker', key: worker.jwk }
    const clock = createFakeClock()
    const token = await delegateOffline({ token: received, key: buyer.privateKey, to, scopes: [], clock })
    const introspection = { endpoint: `${server.origin}/introspect`, clientId: 'a', clientSecret: 'b' }
    const issuers = [issuer.options({ introspection, http: LOOPBACK })]
    const caller = createTokenCaller([], { issuers, offline: {} })
    expect(await caller.codeOf({ token, facts: signedBy('agt_worker', worker.thumbprint) })).toBe('accepted')
    expect(new URLSearchParams(server.asked[0]?.body).get('token')).toBe(received)
  })

  it('is asked about again after ten seconds, and revoked then', async () => {
    const { server, caller, ask } = await createBench({ active: true })
    await ask()
    caller.clock.advance(8_000)
    await ask()
    expect(server.asked).toHaveLength(1)
    server.answers.set('/introspect', { active: false })
    caller.clock.advance(2_001)
    expect(await ask()).toBe('token_revoked')
  })

  it('is refused when the issuer is silent and its last answer is too old', async () => {
    const { server, caller, ask } = await createBench({ active: true })
    await ask()
    server.answers.delete('/introspect')
    caller.clock.advance(10_001)
    expect(await ask()).toBe('revocation_unavailable')
  })

  it('needs to be configured completely', () => {
    const issuer = { issuer: 'https://auth.example.com' }
    for (const introspection of [
      { endpoint: 'https://auth.example.com/i', clientId: 'a', clientSecret: '' },
      { endpoint: 'http://auth.example.com/i', clientId: 'a', clientSecret: 'b' },
      { endpoint: 'https://auth.example.com/i', clientId: 'a', clientSecret: 'b', cacheSeconds: 31 },
    ]) {
      expect(() => createTokenCaller([], { issuers: [{ ...issuer, introspection }] })).toThrow(/introspection/)
    }
  })
})
