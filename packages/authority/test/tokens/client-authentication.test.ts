import { createPrivateKey } from 'node:crypto'
import { createAgentFetch } from '@countermark/client'
import { createTestAgent } from '@countermark/testing'
import {
  assertionOf,
  type FormValues,
  INTROSPECTOR,
  type KnownAgent,
  ORDERS,
  type RunningAuthority,
  signJwt,
  startAuthority,
} from './running-authority.ts'

let authority: RunningAuthority
let buyer: KnownAgent

beforeAll(async () => {
  authority = await startAuthority()
  buyer = await authority.createAgent('agt_buyer')
})
afterAll(() => authority.close())

const FORM = { grant_type: 'client_credentials', resource: ORDERS }

const assertion = (changes: object = {}, by = buyer): FormValues =>
  assertionOf(by, authority.issuer, authority.clock, changes)

async function outcomeOf(
  form: FormValues,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly [number, unknown]> {
  const { status, body } = await authority.post('/token', { ...FORM, ...form }, undefined, headers)
  return [status, body['error']]
}

describe('an assertion', () => {
  const now = (): number => authority.clock.seconds()

  it.each<readonly [string, () => object]>([
    ['addressed to the issuer', () => ({})],
    ['addressed to the token endpoint', () => ({ aud: `${authority.issuer}/token` })],
    ['addressed by a list of one', () => ({ aud: [authority.issuer] })],
    ['without iat', () => ({ iat: undefined })],
  ])('%s is taken', async (_name, changes) => {
    expect(await outcomeOf(assertion(changes()))).toEqual([200, undefined])
  })

  it.each<readonly [string, () => object]>([
    ['addressed elsewhere', () => ({ aud: 'https://other.example.com' })],
    ['addressed to another endpoint', () => ({ aud: `${authority.issuer}/introspect` })],
    ['addressed to several servers', () => ({ aud: [authority.issuer, 'https://other.example.com'] })],
    ['without an id', () => ({ jti: undefined })],
    ['without an end', () => ({ exp: undefined })],
    ['that has ended', () => ({ exp: now() })],
    ['that lives too long', () => ({ exp: now() + 301 })],
    ['of the future', () => ({ iat: now() + 31 })],
    ['that does not count yet', () => ({ nbf: now() + 31 })],
    ['of another subject', () => ({ sub: 'agt_other' })],
    ['of an unknown agent', () => ({ iss: 'agt_unknown', sub: 'agt_unknown' })],
    ['of what is no agent', () => ({ iss: '../agt', sub: '../agt' })],
  ])('%s is refused', async (_name, changes) => {
    expect(await outcomeOf(assertion(changes()))).toEqual([401, 'invalid_client'])
  })

  it('counts at the endpoint that it is addressed to, and at no other one', async () => {
    const at = async (path: string, aud: string): Promise<number> => {
      const form = { token: 'rt_none', ...assertion({ aud: `${authority.issuer}${aud}` }) }
      return (await authority.post(path, form)).status
    }
    const statuses = [
      await at('/introspect', '/introspect'),
      await at('/introspect', '/token'),
      await at('/revoke', '/revoke'),
      await at('/revoke', '/introspect'),
    ]
    expect(statuses).toEqual([200, 401, 200, 401])
  })

  it('counts once', async () => {
    const form = assertion()
    expect(await outcomeOf(form)).toEqual([200, undefined])
    expect(await outcomeOf(form)).toEqual([401, 'invalid_client'])
  })

  it('used a hundred times at once counts once', async () => {
    const form = assertion()
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(form)))
    expect(outcomes.filter(([status]) => status === 200)).toHaveLength(1)
    expect(outcomes.filter(([status]) => status === 401)).toHaveLength(99)
  })

  it('of another key, another type or another algorithm is refused', async () => {
    const stranger = await createTestAgent({ agentId: 'agt_buyer', keyId: buyer.agent.keyId })
    const privateKey = createPrivateKey({ key: { ...stranger.privateJwk }, format: 'jwk' })
    expect(await outcomeOf(assertion({}, { ...buyer, privateKey }))).toEqual([401, 'invalid_client'])
    const claims = { iss: 'agt_buyer', sub: 'agt_buyer', aud: authority.issuer, jti: 'j1', exp: now() + 60 }
    const { client_assertion_type: type } = assertion()
    const sent = (header: object): FormValues => ({
      client_assertion_type: type,
      client_assertion: signJwt(buyer, header, claims),
    })
    expect(await outcomeOf(sent({ alg: 'EdDSA', typ: 'at+jwt' }))).toEqual([401, 'invalid_client'])
    expect(await outcomeOf(sent({ alg: 'none' }))).toEqual([401, 'invalid_client'])
    expect(await outcomeOf(sent({ alg: 'HS256' }))).toEqual([401, 'invalid_client'])
    expect(await outcomeOf(sent({ alg: 'EdDSA', jwk: buyer.agent.publicJwk }))).toEqual([401, 'invalid_client'])
    expect(await outcomeOf(sent({ alg: 'EdDSA', kid: 'another' }))).toEqual([401, 'invalid_client'])
    expect(await outcomeOf(sent({ alg: 'EdDSA', typ: 'client-authentication+jwt' }))).toEqual([200, undefined])
  })

  it('of a suspended or retired agent is refused', async () => {
    const agent = await createTestAgent({ agentId: 'agt_gone' })
    for (const state of ['suspended', 'retired'] as const) {
      const gone = authority.register(agent, { state })
      expect(await outcomeOf(assertion({}, gone))).toEqual([401, 'invalid_client'])
    }
  })
})

describe('a request', () => {
  it.each<readonly [string, () => FormValues, Readonly<Record<string, string>>, readonly [number, string]]>([
    ['that proves nothing', () => ({}), {}, [401, 'invalid_client']],
    [
      'that names another client than it proves',
      () => ({ ...assertion(), client_id: 'agt_other' }),
      {},
      [401, 'invalid_client'],
    ],
    ['with two proofs', () => assertion(), { authorization: 'Basic YTpi' }, [400, 'invalid_request']],
    [
      'with a type of assertion that is unknown',
      () => ({ ...assertion(), client_assertion_type: 'saml' }),
      {},
      [400, 'invalid_request'],
    ],
    [
      'with an assertion of no type',
      () => ({ ...assertion(), client_assertion_type: undefined }),
      {},
      [400, 'invalid_request'],
    ],
    ['without a grant', () => ({ ...assertion(), grant_type: undefined }), {}, [400, 'invalid_request']],
    ['for an unknown grant', () => ({ ...assertion(), grant_type: 'password' }), {}, [400, 'unsupported_grant_type']],
    ['of a service', () => ({}), { authorization: basic(INTROSPECTOR) }, [400, 'unauthorized_client']],
    [
      'of a service with a wrong secret',
      () => ({}),
      { authorization: basic({ ...INTROSPECTOR, clientSecret: 'x' }) },
      [401, 'invalid_client'],
    ],
    [
      'of an unknown service',
      () => ({}),
      { authorization: basic({ clientId: 'svc', clientSecret: 'x' }) },
      [401, 'invalid_client'],
    ],
    ['with a bearer token', () => ({}), { authorization: 'Bearer abc' }, [401, 'invalid_client']],
    ['of another content type', () => assertion(), { 'content-type': 'application/json' }, [400, 'invalid_request']],
    ['with a DPoP proof that is none', () => assertion(), { dpop: 'a.b.c' }, [400, 'invalid_dpop_proof']],
  ])('%s is refused', async (_name, form, headers, expected) => {
    expect(await outcomeOf(form(), headers)).toEqual(expected)
  })

  it('that is too large, or has too many parameters, is refused', async () => {
    expect(await outcomeOf({ ...assertion(), scope: 'x'.repeat(70_000) })).toEqual([400, 'invalid_request'])
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`p${index}`, 'x']))
    expect(await outcomeOf({ ...assertion(), ...many })).toEqual([400, 'invalid_request'])
  })

  it('that is signed proves its agent, once', async () => {
    const { clock, issuer } = authority
    const sent: RequestInit[] = []
    const agentFetch = createAgentFetch({
      ...{ agentId: 'agt_buyer', key: buyer.privateKey, keyId: buyer.agent.keyId, origins: [issuer], clock },
      fetch: (url, init) => {
        sent.push(init as RequestInit)
        return fetch(url, init)
      },
    })
    const body = new URLSearchParams({ ...FORM, scope: 'orders:read' }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await agentFetch(`${issuer}/token`, { method: 'POST', headers, body })
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { token_type: 'Bearer', scope: 'orders:read' },
    ])
    const again = await fetch(`${issuer}/token`, sent[0])
    expect([again.status, await again.json()]).toMatchObject([401, { error: 'invalid_client' }])
  })
})

function basic({ clientId, clientSecret }: typeof INTROSPECTOR): string {
  return `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`
}
