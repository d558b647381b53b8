import assert from 'node:assert/strict'
import { createAgentFetch, findTokenEndpoint, generateAgentKey, readRefusal } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { startProgram, startServer } from '@countermark/testing'
import type { Express } from 'express'
import { type Application, logIn, tokensOf } from './log-in.ts'
import { createServer } from './server.ts'
import { createUser } from './user.ts'

const CALLBACK = 'http://127.0.0.1/callback'

// The shop is told where its identity provider is, and the identity provider knows the shop by its origin.
const shop = await startServer((req, res) => app(req, res))
const provider = await startProgram({
  command: process.execPath,
  arguments: [new URL('identity-provider.mjs', import.meta.url).pathname, shop.origin, CALLBACK],
  ready: /PORT \d+/,
})
const identityProvider = `http://127.0.0.1:${/PORT (\d+)/.exec(provider.output())?.[1]}`
const { privateKey, publicJwk } = generateAgentKey()
const keys = staticKeys([{ agentId: 'agt_7f2k9x', key: publicJwk }])
const app: Express = createServer({ origin: shop.origin, identityProvider, keys })

async function expect(what: string, response: Response, expected: string): Promise<unknown> {
  const refusal = await readRefusal(response)
  const outcome = refusal === undefined ? String(response.status) : `${response.status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(52)} ${outcome}`)
  return response.json()
}

// Whoever comes with nothing is told where to read what is accepted: which identity provider, which scopes.
const orders = `${shop.origin}/orders`
const stranger = await fetch(orders)
assert.match(stranger.headers.get('www-authenticate') ?? '', /resource_metadata="http/)
await expect('a stranger reads', stranger, '401 credentials_missing')

// The agent reads it, and goes on only with an identity provider that it knows.
const known = { resource: shop.origin, issuers: [identityProvider], allowLoopbackHttp: true }
const agent: Application = {
  ...(await findTokenEndpoint(known)),
  clientId: 'shopping-assistant',
  redirectUri: CALLBACK,
  key: privateKey,
  resource: shop.origin,
}

// A user logs in and lets the agent read. The token counts only with a proof of the agent's key.
const user = createUser()
const token = tokensOf(user, agent)
const options = { agentId: 'agt_7f2k9x', key: privateKey, origins: [shop.origin], token, dpop: true } as const
const provingFetch = createAgentFetch({ ...options, form: 'dpop' })
const list = await expect('the agent reads, with a proof', await provingFetch(orders), '200')
assert.deepEqual(list, { orders: ['kettle'], for: 'user_17', by: 'agt_7f2k9x', level: 'bound' })

// Writing takes a signature, and a scope to which the user has not agreed yet.
const order = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"item":"kettle"}' }
await expect('the agent orders, with a proof', await provingFetch(orders, order), '401 credentials_missing')
const signingFetch = createAgentFetch(options)
await expect('the agent orders, signed', await signingFetch(orders, order), '403 insufficient_scope')
const askingFetch = createAgentFetch({ ...options, mayAskFor: ['orders:write'] })
const ordered = await expect('  and asks the user for what is missing', await askingFetch(orders, order), '201')
assert.deepEqual(ordered, { ordered: { item: 'kettle' }, for: 'user_17', by: 'agt_7f2k9x', level: 'signed' })

// The token is worth nothing without the key, and an ID token is no access token.
const { value } = await token({ origin: shop.origin })
const bearer = await fetch(orders, { headers: { Authorization: `Bearer ${value}` } })
await expect('the token alone', bearer, '401 token_binding_mismatch')
const thief = createAgentFetch({ ...options, key: generateAgentKey().privateKey, form: 'dpop' })
await expect('the token with a proof of another key', await thief(orders), '401 token_binding_mismatch')
const { id_token: idToken } = await logIn(user, agent, 'orders:read')
const confused = createAgentFetch({ ...options, token: () => ({ value: idToken, scheme: 'DPoP' }), form: 'dpop' })
await expect('the ID token', await confused(orders), '401 token_invalid')

// Another application of the same identity provider is no agent here, whatever a user agreed to.
const other = tokensOf(user, { ...agent, clientId: 'somebody-elses-app' })
const otherFetch = createAgentFetch({ ...options, token: other, form: 'dpop' })
await expect('another application', await otherFetch(orders), '403 actor_unauthorized')

await Promise.all([shop.close(), provider.stop()])
