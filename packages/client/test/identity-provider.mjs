// A real identity provider on a free port of 127.0.0.1, with one client, agt_buyer, whose public JWK is the first argument.
// Clients prove themselves by private_key_jwt; proofs of possession must carry its nonce. Prints `PORT <n>`. Tokens are JWTs
// signed with ES256 and name the client as the actor.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const publicJwk = JSON.parse(process.argv[2])
const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: 'agt_buyer',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'EdDSA',
        jwks: { keys: [publicJwk] },
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientAuthMethods: ['private_key_jwt'],
    jwks: { keys: [{ ...jwk, kid: 'idp-1', alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['not-secret'] },
    extraTokenClaims: (_ctx, token) => ({ act: { sub: token.clientId } }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, audience) => ({
          scope: 'orders:read orders:write',
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  server.on('request', provider.callback())
  process.stdout.write(`PORT ${port}\n`)
})
