import { randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { type FakeClock, type StartedServer, startServer } from '@countermark/testing'
import { createTestIssuer, type Members, type TestIssuer } from '../../../delegation/test/token-issuer.ts'

/** An OpenID Connect provider that lets everybody in who comes. */
export interface SignInProvider extends StartedServer {
  readonly issuer: TestIssuer
  /** What the next ID tokens say besides. */
  readonly say: (claims: Members) => void
  readonly tokenRequests: readonly { readonly authorization: string | undefined; readonly form: URLSearchParams }[]
}

/** Starts it. */
export async function startSignInProvider(clock: FakeClock): Promise<SignInProvider> {
  const codes = new Map<string, string>()
  const tokenRequests: { authorization: string | undefined; form: URLSearchParams }[] = []
  let said: Members = {}
  const server = await startServer(async (request, response) => {
    const url = new URL(request.url ?? '/', server.origin)
    const json = (value: unknown): void =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    if (url.pathname === '/.well-known/openid-configuration') {
      const { origin } = server
      json({
        issuer: origin,
        authorization_endpoint: `${origin}/login`,
        token_endpoint: `${origin}/token`,
        jwks_uri: `${origin}/jwks`,
      })
    } else if (url.pathname === '/jwks') json(issuer.jwks)
    else if (url.pathname === '/login') {
      const code = randomUUID()
      codes.set(code, url.searchParams.get('nonce') ?? '')
      const back = new URL(url.searchParams.get('redirect_uri') ?? '')
      back.searchParams.set('code', code)
      back.searchParams.set('state', url.searchParams.get('state') ?? '')
      response.writeHead(302, { location: back.href }).end()
    } else if (url.pathname === '/token') {
      const form = new URLSearchParams(await text(request))
      tokenRequests.push({ authorization: request.headers.authorization, form })
      const now = clock.seconds()
      const claims = {
        aud: 'countermark',
        nonce: codes.get(form.get('code') ?? ''),
        iat: now,
        exp: now + 300,
        act: undefined,
      }
      json({
        token_type: 'Bearer',
        access_token: 'x',
        id_token: await issuer.mint({ ...claims, name: 'Jane <b>Doe</b>', ...said }, { typ: 'JWT' }),
      })
    } else response.writeHead(404).end()
  })
  const issuer = await createTestIssuer('EdDSA', server.origin)
  const say = (claims: Members): void => {
    said = claims
  }
  return { ...server, issuer, say, tokenRequests }
}
