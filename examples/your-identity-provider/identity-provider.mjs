// The identity provider that users already have: oidc-provider, with its own pages for login and consent.
// Nothing here knows of countermark. Prints `PORT <n>`.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const [api, redirectUri] = process.argv.slice(2)
const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
const application = {
  application_type: 'native',
  redirect_uris: [redirectUri],
  token_endpoint_auth_method: 'none', // a public client: PKCE protects the code, DPoP the tokens
  id_token_signed_response_alg: 'ES256',
  dpop_bound_access_tokens: true,
}
const configuration = {
  clients: [
    { ...application, client_id: 'shopping-assistant', client_name: 'Shopping Assistant' },
    { ...application, client_id: 'somebody-elses-app', client_name: 'Somebody Else' },
  ],
  jwks: { keys: [{ ...jwk, kid: 'idp-1', alg: 'ES256', use: 'sig' }] },
  cookies: { keys: ['not-secret'] },
  pkce: { required: () => true },
  features: {
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        audience: api,
        scope: 'orders:read orders:write',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
}

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const provider = new Provider(`http://127.0.0.1:${port}`, configuration)
  server.on('request', provider.callback())
  process.stdout.write(`PORT ${port}\n`)
})
