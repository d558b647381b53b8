import { createHash, randomBytes } from 'node:crypto'
import { createFakeClock, requireProgram, type StartedServer, startServer } from '@countermark/testing'
import { type Browser, chromium } from 'playwright-core'
import { LOOPBACK } from '../../../delegation/test/issuer-server.ts'
import { claimsOf, ORDERS, type RunningAuthority, startAuthority } from './running-authority.ts'
import { type SignInProvider, startSignInProvider } from './sign-in-provider.ts'

const executablePath = requireProgram('chromium')
const withChromium = executablePath === undefined ? describe.skip : describe

withChromium('in Chromium, without scripts', () => {
  let provider: SignInProvider
  let authority: RunningAuthority
  let agentServer: StartedServer
  let browser: Browser
  const answers: URLSearchParams[] = []

  beforeAll(async () => {
    const clock = createFakeClock(Date.now())
    provider = await startSignInProvider(clock)
    authority = await startAuthority({
      clock,
      consent: {
        provider: { issuer: provider.origin, http: LOOPBACK },
        ...{ clientId: 'countermark', clientSecret: 'a secret of ours' },
        redirectUris: { agt_buyer: ['http://127.0.0.1/callback'] },
      },
    })
    agentServer = await startServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1')
      if (url.pathname === '/callback') answers.push(url.searchParams)
      response.setHeader('content-type', 'text/html').end('<h1>Thank you</h1>')
    })
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] })
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await Promise.all([authority.close(), provider.close(), agentServer.close()])
  })

  it('a person signs in, allows an agent, sees it and stops it', async () => {
    const buyer = await authority.createAgent('agt_buyer')
    const verifier = randomBytes(32).toString('base64url')
    const url = new URL(`${authority.issuer}/authorize`)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const redirectUri = `${agentServer.origin}/callback`
    const asked = {
      response_type: 'code',
      client_id: 'agt_buyer',
      redirect_uri: redirectUri,
      scope: 'orders:read',
      resource: ORDERS,
    }
    const pkce = { code_challenge: challenge, code_challenge_method: 'S256' }
    for (const [name, value] of Object.entries({ ...asked, ...pkce })) url.searchParams.set(name, value)

    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    await page.goto(url.href)
    expect(await page.locator('h1').textContent()).toBe('May this agent act for you?')
    expect(await page.locator('main').textContent()).toContain('orders:read')
    await page.getByLabel('1 day').check()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByText('Thank you').waitFor()

    const code = answers.at(-1)?.get('code') ?? ''
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier }
    const { body } = await authority.post('/token', form, buyer)
    expect(claimsOf(body['access_token'])).toMatchObject({
      sub: 'user_17',
      act: { sub: 'agt_buyer' },
      scope: 'orders:read',
    })

    await page.goto(`${authority.issuer}/delegations`)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('No agent acts in your name').waitFor()
    expect((await authority.post('/introspect', { token: String(body['access_token']) }, buyer)).body).toEqual({
      active: false,
    })
    expect(complaints).toEqual([])
  }, 60_000)
})
