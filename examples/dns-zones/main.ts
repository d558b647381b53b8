import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createAgentFetch, generateAgentKey, readRefusal } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { type StartedServer, startServer } from '@countermark/testing'
import { SignJWT } from 'jose'
import { createServer } from './server.ts'

const ISSUER = 'https://auth.myapihq.com'
const AGENT = 'agt_09f8b7c6d5e4'
const HOUR = 3600

const { privateKey, publicJwk } = generateAgentKey()
const issuing = generateKeyPairSync('ed25519')
const issuingJwk = { ...issuing.publicKey.export({ format: 'jwk' }), kid: 'issuer-1', alg: 'EdDSA' }

const dns: StartedServer = await startServer(
  createServer({
    origin: () => dns.origin,
    keys: staticKeys([{ agentId: AGENT, key: publicJwk }]),
    issuer: { issuer: ISSUER, keys: { jwks: { keys: [issuingJwk] } } },
  }),
)

interface TokenChanges {
  readonly issuedHoursAgo?: number
  readonly restrictip?: string
}

/** The issuer's part: a token for a day. */
async function issue(scopes: readonly string[], { issuedHoursAgo = 0, ...claims }: TokenChanges = {}): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000) - issuedHoursAgo * HOUR
  return new SignJWT({ sub: AGENT, name: 'Infrastructure Provisioning Agent', scopes, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: 'issuer-1' })
    .setIssuer(ISSUER)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 24 * HOUR)
    .sign(issuing.privateKey)
}

/** The agent's part: signs each request, and brings the token. */
function fetchWith(token: string): typeof fetch {
  const authorization = `Bearer ${token}`
  return createAgentFetch({ agentId: AGENT, key: privateKey, origins: [dns.origin], authorization })
}

async function read(zone: string, token: string): Promise<Response> {
  return fetchWith(token)(`${dns.origin}/zones/${zone}`)
}

async function write(zone: string, token: string): Promise<Response> {
  return fetchWith(token)(`${dns.origin}/zones/${zone}/records/www`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ type: 'A', value: '192.0.2.80' }),
  })
}

async function expect(what: string, response: Response, expected: string): Promise<void> {
  const refusal = await readRefusal(response)
  const outcome = refusal === undefined ? String(response.status) : `${response.status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(52)} ${outcome}`)
}

// One zone, and writing only.
const one = await issue(['dns:zone_123:write', 'storage:bucket:read'])
await expect('dns:zone_123:write writes zone_123', await write('zone_123', one), '200')
const elsewhere = await write('zone_124', one)
await expect('dns:zone_123:write writes zone_124', elsewhere, '403 insufficient_scope')
assert.match(elsewhere.headers.get('www-authenticate') ?? '', /scope="dns:zone_124:write"/)
await expect('dns:zone_123:write reads zone_123', await read('zone_123', one), '403 insufficient_scope')

// * is exactly one segment of a scope: any zone.
const any = await issue(['dns:*:write', 'dns:*:read'])
await expect('dns:*:write writes zone_124', await write('zone_124', any), '200')
await expect('dns:*:read reads zone_124', await read('zone_124', any), '200')

// What stands in the path is a name. It becomes no pattern, and no more than one segment.
await expect('dns:zone_123:write writes %2A', await write('%2A', one), '403 insufficient_scope')
await expect(
  'dns:zone_123:write writes zone_123%3Awrite',
  await write('zone_123%3Awrite', one),
  '403 insufficient_scope',
)

// A duration ends the token, counted from when it was issued.
const brief = ['dns:zone_123:write:1h']
await expect('dns:zone_123:write:1h, at once', await write('zone_123', await issue(brief)), '200')
const late = await issue(brief, { issuedHoursAgo: 2 })
await expect('dns:zone_123:write:1h, two hours later', await write('zone_123', late), '401 token_expired')

// A token may be limited to an address, by a scope or by a claim.
const there = await issue(['dns:zone_123:write', 'restrict:ip:192.0.2.1'])
await expect('restrict:ip:192.0.2.1, from 127.0.0.1', await write('zone_123', there), '403 constraint_violation')
const here = await issue(['dns:zone_123:write', 'restrict:ip:127.0.0.1'])
await expect('restrict:ip:127.0.0.1, from 127.0.0.1', await write('zone_123', here), '200')
const claim = await issue(['dns:zone_123:write'], { restrictip: '192.0.2.1' })
await expect('restrictip 192.0.2.1, from 127.0.0.1', await write('zone_123', claim), '403 constraint_violation')

await dns.close()
