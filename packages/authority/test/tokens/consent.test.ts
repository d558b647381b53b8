import { createHash, randomBytes } from 'node:crypto'
import { createFakeClock } from '@countermark/testing'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { createTestBrowser, type TestBrowser, type Visited } from './browser.ts'
import {
  claimsOf,
  type KnownAgent,
  ORDERS,
  type RunningAuthority,
  startAuthority,
  type TokenAnswer,
} from './running-authority.ts'
import { type SignInProvider, startSignInProvider } from './sign-in-provider.ts'

const CALLBACK = 'https://agent.example.com/callback'
const MAX_AMOUNT = [
  { type: 'urn:agent-auth:capability:1', constraints: { max_amount: { value: 500, currency: 'USD' } } },
]

let provider: SignInProvider
let authority: RunningAuthority
let buyer: KnownAgent
let browser: TestBrowser
let verifier: string

beforeAll(async () => {
  const clock = createFakeClock()
  provider = await startSignInProvider(clock)
  authority = await startAuthority({
    clock,
    consent: {
      provider: { issuer: provider.origin, http: LOOPBACK },
      ...{ clientId: 'countermark', clientSecret: 'a secret of ours' },
      redirectUris: { agt_buyer: [CALLBACK, 'http://127.0.0.1/done'] },
    },
  })
  buyer = await authority.createAgent('agt_buyer', { owner: 'Shop <Ltd>' })
})
afterAll(async () => {
  await authority.close()
  await provider.close()
})
beforeEach(() => {
  browser = createTestBrowser('https://agent.example.com/')
  verifier = randomBytes(32).toString('base64url')
  provider.say({})
})

function authorizeUrl(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const url = new URL(`${authority.issuer}/authorize`)
  const values = {
    ...{ response_type: 'code', client_id: 'agt_buyer', redirect_uri: CALLBACK, state: 's1' },
    ...{ scope: 'orders:read orders:write', resource: ORDERS, authorization_details: JSON.stringify(MAX_AMOUNT) },
    ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' },
    ...changes,
  }
  for (const [name, value] of Object.entries(values)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

const answerOf = ({ url }: Visited): Readonly<Record<string, string>> => Object.fromEntries(new URL(url).searchParams)

function redeem(code: unknown, changes: Readonly<Record<string, string>> = {}, by = buyer): Promise<TokenAnswer> {
  const form = { grant_type: 'authorization_code', code: String(code), redirect_uri: CALLBACK, code_verifier: verifier }
  return authority.post('/token', { ...form, ...changes }, by)
}

async function allow(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const page = await browser.visit(authorizeUrl())
  return String(answerOf(await browser.submit(page, 'allow', changes))['code'])
}

describe('the page that asks', () => {
  it('says who, what, within which limits, where, until when and who is told', async () => {
    const page = await browser.visit(authorizeUrl())
    expect([page.status, page.url]).toEqual([200, expect.stringMatching(/\/consent\?request=/)])
    const shown = [
      'agt_buyer',
      'orders:read',
      'orders:write',
      'max_amount',
      '500',
      ORDERS,
      '1 hour',
      '2026-01-01 01:00 UTC',
    ]
    for (const text of [...shown, 'https://agent.example.com']) expect(page.text).toContain(text)
  })

  it('shows names as text, runs nothing, loads nothing, and is framed by nobody', async () => {
    const page = await browser.visit(authorizeUrl())
    expect(page.text).not.toMatch(/<b>|<script|<Ltd>/)
    expect(page.text).toContain('Jane &#60;b&#62;Doe')
    const policy = page.headers.get('content-security-policy')
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' https:\/\/agent\.example\.com;/,
    )
    expect(policy).toContain("frame-ancestors 'none'")
    expect([page.headers.get('cache-control'), page.headers.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ])
  })

  it('asks the provider with a secret of ours, and a proof of its own', async () => {
    await browser.visit(authorizeUrl())
    const { authorization, form } = provider.tokenRequests.at(-1) ?? {}
    expect(authorization).toMatch(/^Basic /)
    expect([form?.get('code_verifier')?.length, form?.get('redirect_uri')]).toEqual([
      43,
      `${authority.issuer}/signed-in`,
    ])
  })

  it('does not ask a person to sign in twice', async () => {
    await browser.visit(authorizeUrl())
    const before = provider.tokenRequests.length
    expect((await browser.visit(authorizeUrl())).text).toContain('agt_buyer')
    expect(provider.tokenRequests.length).toBe(before)
  })
})

describe('a person who says yes', () => {
  it('lets the agent act, as far and as long as was shown', async () => {
    const page = await browser.visit(authorizeUrl())
    const answered = await browser.submit(page, 'allow', { seconds: '86400' })
    expect(answerOf(answered)).toEqual({ code: expect.any(String), state: 's1', iss: authority.issuer })
    const { status, body } = await redeem(answerOf(answered)['code'])
    expect([status, body]).toMatchObject([
      200,
      { scope: 'orders:read orders:write', authorization_details: MAX_AMOUNT },
    ])
    expect(claimsOf(body['access_token'])).toMatchObject({
      ...{ sub: 'user_17', sub_profile: 'user', aud: ORDERS, act: { sub: 'agt_buyer' } },
      authorization_details: MAX_AMOUNT,
    })
    expect(authority.events).toContainEqual(
      expect.objectContaining({
        event: 'consent_given',
        private: { user: 'user_17' },
        details: expect.objectContaining({ agentId: 'agt_buyer' }),
      }),
    )
    authority.clock.advance(3600_000)
    const next = await authority.post(
      '/token',
      { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) },
      buyer,
    )
    expect(next.status).toBe(200)
    authority.clock.advance(86_400_000)
    const late = await authority.post(
      '/token',
      { grant_type: 'refresh_token', refresh_token: String(next.body['refresh_token']) },
      buyer,
    )
    expect(late.body['error']).toBe('invalid_grant')
  })

  it('can stop it, and the tokens end', async () => {
    const { body } = await redeem(await allow())
    const list = await browser.visit(`${authority.issuer}/delegations`)
    expect(list.text).toContain('agt_buyer')
    const stopped = await browser.submit(list, 'Stop')
    expect(stopped.status).toBe(200)
    const told = await authority.post('/introspect', { token: String(body['access_token']) }, buyer)
    expect(told.body).toEqual({ active: false })
    const next = await authority.post(
      '/token',
      { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) },
      buyer,
    )
    expect(next.body['error']).toBe('invalid_grant')
  })

  it('does not see what others allow, and cannot stop it', async () => {
    const { body } = await redeem(await allow())
    const list = await browser.visit(`${authority.issuer}/delegations`)
    const [, id = ''] = /name="delegation" value="([^"]*)"/.exec(list.text) ?? []
    provider.say({ sub: 'user_18', name: 'Joe' })
    const other = createTestBrowser('https://agent.example.com/')
    const own = await other.visit(`${authority.issuer}/delegations`)
    expect(own.text).toContain('No agent acts in your name')
    const forged = {
      ...own,
      text: `<form action="delegations"><input name="delegation" value="${id}"><input name="form_token" value="x"><button>Stop</button></form>`,
    }
    expect((await other.submit(forged, 'Stop')).status).toBe(400)
    expect((await authority.post('/introspect', { token: String(body['access_token']) }, buyer)).body['active']).toBe(
      true,
    )
  })

  it('can sign out', async () => {
    await browser.visit(authorizeUrl())
    const list = await browser.visit(`${authority.issuer}/delegations`)
    expect((await browser.submit(list, 'Sign out')).text).toContain('Signed out')
    const before = provider.tokenRequests.length
    await browser.visit(`${authority.issuer}/delegations`)
    expect(provider.tokenRequests.length).toBe(before + 1)
  })
})

describe('a person who says no', () => {
  it('is not asked why', async () => {
    const page = await browser.visit(authorizeUrl())
    expect(answerOf(await browser.submit(page, 'deny'))).toMatchObject({ error: 'access_denied', state: 's1' })
  })
})

describe('a code', () => {
  it('counts once, and what it gave ends when it comes again', async () => {
    const code = await allow()
    const first = await redeem(code)
    expect((await redeem(code)).body['error']).toBe('invalid_grant')
    expect(
      (await authority.post('/introspect', { token: String(first.body['access_token']) }, buyer)).body['active'],
    ).toBe(false)
  })

  it('used twenty times at once gives one token', async () => {
    const code = await allow()
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(code)))
    const given = answers.filter(({ status }) => status === 200)
    expect(given).toHaveLength(1)
    // It came again, whoever was first.
    const token = String(given[0]?.body['access_token'])
    expect((await authority.post('/introspect', { token }, buyer)).body['active']).toBe(false)
  })

  it.each([{ subject: 'user_17' }, { agentId: 'agt_buyer' }])(
    'from before a stop of %o gives nothing',
    async (target) => {
      const code = await allow()
      await authority.tokens.revoke(target, { reason: 'stop', by: 'test' })
      expect((await redeem(code)).body['error']).toBe('invalid_grant')
    },
  )

  it.each<readonly [string, Readonly<Record<string, string>>]>([
    ['with another verifier', { code_verifier: 'x'.repeat(43) }],
    ['with another address', { redirect_uri: 'https://agent.example.com/other' }],
    ['that is unknown', { code: 'unknown' }],
  ])('%s is refused', async (_name, changes) => {
    expect((await redeem(await allow(), changes)).body['error']).toBe('invalid_grant')
  })

  it('of another agent, or after a minute, is refused', async () => {
    const other = await authority.createAgent('agt_other')
    const code = await allow()
    expect((await redeem(code, {}, other)).body['error']).toBe('invalid_grant')
    authority.clock.advance(60_000)
    expect((await redeem(code)).body['error']).toBe('invalid_grant')
  })
})

describe('an attacker', () => {
  it.each<readonly [string, Readonly<Record<string, string | undefined>>]>([
    ['an unknown agent', { client_id: 'agt_unknown' }],
    ['another address', { redirect_uri: 'https://evil.example.com/callback' }],
    ['a longer address', { redirect_uri: `${CALLBACK}/more` }],
    ['no address', { redirect_uri: undefined }],
  ])('cannot have the answer sent elsewhere with %s', async (_name, changes) => {
    const page = await browser.visit(authorizeUrl(changes))
    expect([page.status, page.headers.get('location')]).toEqual([400, null])
  })

  it.each<readonly [string, string, Readonly<Record<string, string | undefined>>]>([
    ['more than the agent may', 'invalid_scope', { scope: 'payroll:read' }],
    ['an unknown service', 'invalid_target', { resource: 'https://other.example.com' }],
    ['a token in the address', 'invalid_request', { response_type: 'token' }],
    ['no challenge', 'invalid_request', { code_challenge: undefined }],
    ['a plain challenge', 'invalid_request', { code_challenge_method: 'plain' }],
    ['a request object', 'invalid_request', { request: 'a.b.c' }],
    ['constraints that are none', 'invalid_authorization_details', { authorization_details: '{' }],
  ])('that asks for %s is answered with %s', async (_name, error, changes) => {
    expect(answerOf(await browser.visit(authorizeUrl(changes)))).toMatchObject({
      error,
      state: 's1',
      iss: authority.issuer,
    })
  })

  it('cannot answer from another site, from another browser, twice, or for longer than was offered', async () => {
    const page = await browser.visit(authorizeUrl())
    expect((await browser.submit(page, 'allow', {}, 'https://evil.example.com')).status).toBe(400)
    expect((await browser.submit(page, 'allow', { form_token: 'x' })).status).toBe(400)
    expect((await browser.submit(page, 'allow', { seconds: '99999999' })).status).toBe(400)
    const other = createTestBrowser('https://agent.example.com/')
    await other.visit(`${authority.issuer}/delegations`)
    expect((await other.submit(page, 'allow')).status).toBe(400)
    expect(answerOf(await browser.submit(page, 'allow'))).toHaveProperty('code')
    expect((await browser.submit(page, 'allow')).status).toBe(400)
  })

  it('cannot sign a person in as somebody else', async () => {
    const other = createTestBrowser(`${authority.issuer}/signed-in`)
    const stolen = await other.visit(authorizeUrl())
    expect(stolen.url).toContain('/signed-in?')
    expect((await browser.visit(stolen.url)).status).toBe(400)
  })

  it('cannot use an ID token of another sign-in', async () => {
    provider.say({ nonce: 'another' })
    expect((await browser.visit(authorizeUrl())).status).toBe(400)
    provider.say({ aud: 'another' })
    expect((await browser.visit(authorizeUrl())).status).toBe(400)
  })
})
