import assert from 'node:assert/strict'
import { createAgentFetch, generateAgentKey, readRefusal } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { type StartedServer, startProgram, startServer } from '@countermark/testing'
import { type Application, logIn, proveDpop } from './log-in.ts'
import { createServer } from './server.ts'
import { createUser } from './user.ts'

const API = 'https://shop.example.com'
const CALLBACK = 'http://127.0.0.1/callback'

const provider = await startProgram({
  command: process.execPath,
  arguments: [new URL('identity-provider.mjs', import.meta.url).pathname, API, CALLBACK],
  ready: /PORT \d+/,
})
const identityProvider = `http://127.0.0.1:${/PORT (\d+)/.exec(provider.output())?.[1]}`

const { privateKey, publicJwk } = generateAgentKey()
const shop: StartedServer = await startServer(
  createServer({
    origin: () => shop.origin,
    audience: API,
    identityProvider,
    keys: staticKeys([{ agentId: 'agt_7f2k9x', key: publicJwk }]),
  }),
)
const orders = `${shop.origin}/orders`

async function expect(what: string, response: Response, expected: string): Promise<unknown> {
  const refusal = await readRefusal(response)
  const outcome = refusal === undefined ? String(response.status) : `${response.status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(52)} ${outcome}`)
  return response.json()
}

// A user logs in, and lets the agent read.
const user = createUser()
const agent: Application = {
  identityProvider,
  clientId: 'shopping-assistant',
  redirectUri: CALLBACK,
  resource: API,
  key: privateKey,
}
const tokens = await logIn(agent, user, 'orders:read')
const reading = tokens.access_token

async function read(token: string, key: string): Promise<Response> {
  return fetch(orders, {
    headers: { Authorization: `DPoP ${token}`, DPoP: await proveDpop(key, 'GET', orders, token) },
  })
}
const list = await expect('the agent reads, with a proof of its key', await read(reading, privateKey), '200')
assert.deepEqual(list, { orders: ['kettle'], for: 'user_17', by: 'agt_7f2k9x', level: 'bound' })

// The token is worth nothing without the key, and an ID token is no access token.
const bearer = await fetch(orders, { headers: { Authorization: `Bearer ${reading}` } })
await expect('the token alone', bearer, '401 token_binding_mismatch')
const thief = generateAgentKey().privateKey
await expect('the token with a proof of another key', await read(reading, thief), '401 token_binding_mismatch')
await expect('the ID token', await read(tokens.id_token, privateKey), '401 token_invalid')

// Writing takes a scope to which the user has not agreed yet: the refusal names it, and the agent asks.
async function order(token: string): Promise<Response> {
  const signedFetch = createAgentFetch({
    agentId: 'agt_7f2k9x',
    key: privateKey,
    origins: [shop.origin],
    authorization: `Bearer ${token}`,
  })
  const headers = { 'Content-Type': 'application/json' }
  return signedFetch(orders, { method: 'POST', headers, body: JSON.stringify({ item: 'kettle' }) })
}
const tooLittle = await order(reading)
await expect('the agent orders, with the same token', tooLittle, '403 insufficient_scope')
const [, missing = ''] = /scope="([^"]+)"/.exec(tooLittle.headers.get('www-authenticate') ?? '') ?? []
const { access_token: writing } = await logIn(agent, user, `orders:read ${missing}`)
const ordered = await expect(`  once the user agreed to ${missing}`, await order(writing), '201')
assert.deepEqual(ordered, { ordered: { item: 'kettle' }, for: 'user_17', by: 'agt_7f2k9x', level: 'signed' })

// Another application of the same identity provider is no agent here, whatever its users agreed to.
const other = await logIn({ ...agent, clientId: 'somebody-elses-app' }, user, 'orders:read')
await expect(
  'another application of the identity provider',
  await read(other.access_token, privateKey),
  '403 actor_unauthorized',
)

await Promise.all([shop.close(), provider.stop()])
