import { createPrivateKey, randomUUID } from 'node:crypto'
import { spiffe } from '@countermark/delegation'
import { createTestAgent } from '@countermark/testing'
import { createTestIssuer, type Members, type TestIssuer } from '../../../delegation/test/token-issuer.ts'
import {
  claimsOf,
  type FormValues,
  type KnownAgent,
  ORDERS,
  REFUNDS,
  type RunningAuthority,
  signJwt,
  startAuthority,
  type TokenAnswer,
} from './running-authority.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

let authority: RunningAuthority
let provider: TestIssuer
let platform: TestIssuer
let workloads: TestIssuer
let buyer: KnownAgent

beforeAll(async () => {
  provider = await createTestIssuer('EdDSA', 'https://idp.example.com')
  platform = await createTestIssuer('RS256', 'https://ci.example.com')
  workloads = await createTestIssuer('ES256', 'spiffe://example.org')
  const [key] = workloads.jwks.keys
  const bundle = { keys: [{ ...key, use: 'jwt-svid' }] }
  authority = await startAuthority({
    trustedIssuers: {
      idJag: [provider.options({ agentIds: { 'client-17': 'agt_buyer' } })],
      workloads: [
        platform.options({ algorithms: ['RS256'], agentIds: { 'repo:shop/web:ref:refs/heads/main': 'agt_ci' } }),
        spiffe('example.org', { bundle }, { agentIds: { 'spiffe://example.org/clerk': 'agt_clerk' } }),
      ],
    },
  })
  buyer = await authority.createAgent('agt_buyer')
  await authority.createAgent('agt_ci', { capabilities: ['orders:read'] })
  await authority.createAgent('agt_clerk', { capabilities: ['orders:read'] })
})
afterAll(() => authority.close())

function times(): Members {
  const now = authority.clock.seconds()
  return { iat: now, exp: now + 300, aud: authority.issuer }
}

let count = 0
const idJag = (claims: Members = {}, header: Members = {}): Promise<string> =>
  provider.mint(
    {
      ...{ ...times(), sub: 'user_17', client_id: 'client-17', act: undefined, jti: `jag_${++count}` },
      ...{ resource: ORDERS, scope: 'orders:read' },
      ...claims,
    },
    { typ: 'oauth-id-jag+jwt', ...header },
  )

async function redeem(
  assertion: string | Promise<string>,
  more: FormValues = {},
  by: KnownAgent | undefined = buyer,
): Promise<TokenAnswer> {
  return authority.post('/token', { grant_type: GRANT, assertion: await assertion, ...more }, by)
}

describe('an ID-JAG', () => {
  it('names its user by the prefix of its issuer', async () => {
    const trustedIssuers = { idJag: [{ ...provider.options(), subjectPrefix: 'partner#' }] }
    const prefixed = await startAuthority({ trustedIssuers })
    const agent = await prefixed.createAgent('agt_buyer')
    const now = prefixed.clock.seconds()
    const claims = {
      iat: now,
      exp: now + 300,
      aud: prefixed.issuer,
      sub: 'jane',
      client_id: 'agt_buyer',
      act: undefined,
    }
    const assertion = await provider.mint(
      { ...claims, jti: 'jag_prefix', resource: ORDERS, scope: 'orders:read' },
      { typ: 'oauth-id-jag+jwt' },
    )
    const { body } = await prefixed.post('/token', { grant_type: GRANT, assertion }, agent)
    expect(claimsOf(body['access_token'])).toMatchObject({ sub: 'partner#jane' })
    await prefixed.close()
  })

  it.each([
    ['the same prefix', 'corp#', 'corp#'],
    ['none', '', ''],
    ['a prefix that begins with the other', 'corp#', 'corp#shop#'],
    ['none beside a prefix', '', 'corp#'],
  ])('does not start with %s for two issuers', async (_what, first, second) => {
    const other = await createTestIssuer('EdDSA', 'https://other-idp.example.com')
    const trustedIssuers = {
      users: [{ ...provider.options(), subjectPrefix: first }],
      idJag: [{ ...other.options(), subjectPrefix: second }],
    }
    await expect(startAuthority({ trustedIssuers })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })

  it('is redeemed for a token of its user, where its provider said and no further', async () => {
    const { status, body } = await redeem(idJag())
    expect([status, claimsOf(body['access_token'])]).toMatchObject([
      200,
      {
        ...{ iss: authority.issuer, sub: 'user_17', sub_profile: 'user', aud: ORDERS, client_id: 'agt_buyer' },
        ...{ scope: 'orders:read', act: { sub: 'agt_buyer', iss: authority.issuer } },
      },
    ])
    expect((await redeem(idJag(), { scope: 'orders:write' })).body['error']).toBe('invalid_scope')
    expect((await redeem(idJag(), { resource: REFUNDS })).body['error']).toBe('invalid_target')
  })

  it.each<readonly [string, Members]>([
    ['names no scope', { scope: undefined }],
    ['names an empty one', { scope: '' }],
  ])('that %s gives nothing, whatever the agent may do', async (_name, claims) => {
    expect(await redeem(idJag(claims))).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
    const asked = await redeem(idJag(claims), { scope: 'orders:read' })
    expect(asked).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
  })

  it('counts once', async () => {
    const assertion = await idJag()
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(assertion)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ body }) => body['error'] === 'invalid_grant')).toHaveLength(19)
  })

  it.each<readonly [string, Members]>([
    ['for another client', { client_id: 'client-18' }],
    ['without a client', { client_id: undefined }],
    ['for another authority', { aud: 'https://other.example.com' }],
    ['that has ended', { exp: 1 }],
    ['without an id', { jti: undefined }],
    ['of another issuer', { iss: 'https://evil.example.com' }],
  ])('%s is refused', async (_name, claims) => {
    expect(await redeem(idJag(claims))).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  it('of a client that does not prove itself is refused', async () => {
    expect((await authority.post('/token', { grant_type: GRANT, assertion: await idJag() })).body['error']).toBe(
      'invalid_client',
    )
  })

  it('that is another type of token is refused', async () => {
    expect((await redeem(idJag({}, { typ: 'at+jwt' }))).body['error']).toBe('invalid_grant')
    expect((await redeem('no.token')).body['error']).toBe('invalid_grant')
  })
})

async function proof(url = `${authority.issuer}/token`): Promise<Readonly<Record<string, string>>> {
  const { privateJwk, publicJwk } = await createTestAgent({ agentId: 'agt_proof' })
  const privateKey = createPrivateKey({ key: { ...privateJwk }, format: 'jwk' })
  const claims = { jti: randomUUID(), htm: 'POST', htu: url, iat: authority.clock.seconds() }
  return { dpop: signJwt({ privateKey }, { typ: 'dpop+jwt', alg: 'EdDSA', jwk: publicJwk }, claims) }
}

describe('what a platform says of a workload', () => {
  const job = (claims: Members = {}): Promise<string> =>
    platform.mint(
      { ...times(), sub: 'repo:shop/web:ref:refs/heads/main', act: undefined, client_id: undefined, ...claims },
      { typ: 'JWT' },
    )
  const svid = (claims: Members = {}): Promise<string> =>
    workloads.mint(
      {
        ...times(),
        iss: undefined,
        sub: 'spiffe://example.org/clerk',
        act: undefined,
        client_id: undefined,
        jti: undefined,
        ...claims,
      },
      { typ: 'JWT' },
    )
  const form = { grant_type: GRANT, resource: ORDERS }

  it.each([
    ['a CI job', job, 'agt_ci'],
    ['a JWT-SVID', svid, 'agt_clerk'],
  ] as const)('redeems %s for a token of its agent, bound to a key', async (_name, mint, agentId) => {
    const { status, body } = await authority.post(
      '/token',
      { ...form, assertion: await mint() },
      undefined,
      await proof(),
    )
    expect([status, body['token_type']]).toEqual([200, 'DPoP'])
    expect(claimsOf(body['access_token'])).toMatchObject({
      ...{ sub: agentId, sub_profile: 'ai_agent', aud: ORDERS, scope: 'orders:read' },
      cnf: { jkt: expect.any(String) },
      exp: authority.clock.seconds() + 300,
    })
  })

  it('is worth nothing without a proof, or with one that was used', async () => {
    expect((await authority.post('/token', { ...form, assertion: await job() })).body['error']).toBe('invalid_request')
    const headers = await proof()
    expect((await authority.post('/token', { ...form, assertion: await job() }, undefined, headers)).status).toBe(200)
    expect(
      (await authority.post('/token', { ...form, assertion: await job() }, undefined, headers)).body['error'],
    ).toBe('invalid_dpop_proof')
    const elsewhere = await proof('https://other.example.com/token')
    expect(
      (await authority.post('/token', { ...form, assertion: await job() }, undefined, elsewhere)).body['error'],
    ).toBe('invalid_dpop_proof')
  })

  it.each<readonly [string, () => Promise<string>, string]>([
    ['a job of another repository', () => job({ sub: 'repo:evil/web:ref:refs/heads/main' }), 'invalid_grant'],
    ['a job of another audience', () => job({ aud: 'https://other.example.com' }), 'invalid_grant'],
    ['a job that has ended', () => job({ exp: 1 }), 'invalid_grant'],
    ['another workload', () => svid({ sub: 'spiffe://example.org/cook' }), 'invalid_grant'],
    ['another trust domain', () => svid({ sub: 'spiffe://example.com/clerk' }), 'invalid_grant'],
  ])('refuses %s', async (_name, mint, error) => {
    const answer = await authority.post('/token', { ...form, assertion: await mint() }, undefined, await proof())
    expect([answer.status, answer.body['error']]).toEqual([400, error])
  })

  it('refuses a workload whose agent is suspended, and another client id', async () => {
    const answer = await authority.post(
      '/token',
      { ...form, client_id: 'agt_buyer', assertion: await job() },
      undefined,
      await proof(),
    )
    expect(answer.body['error']).toBe('invalid_client')
    await authority.createAgent('agt_ci', { state: 'suspended' })
    const suspended = await authority.post('/token', { ...form, assertion: await job() }, undefined, await proof())
    expect(suspended.body['error']).toBe('invalid_client')
  })
})
