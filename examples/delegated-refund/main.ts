import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createAgentFetch, generateAgentKey, handOn, readRefusal, type TokenSource } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { type StartedServer, startServer } from '@countermark/testing'
import { SignJWT } from 'jose'
import { createApprover } from './approver.ts'
import { createServer } from './server.ts'

const LOGIN = 'https://login.example.com'
const APPROVER = 'https://approve.example.com'
const SHOP = 'https://shop.example.com'

// Everybody has a key: the user's agent, the two agents it hands work to, the user's login, the human who approves.
const concierge = { agentId: 'agt_concierge', ...generateAgentKey() }
const support = { agentId: 'CustomerSupportAgent-v2.3', ...generateAgentKey() }
const desk = { agentId: 'RefundDesk-v1.0', ...generateAgentKey() }
const login = generateKeyPairSync('ed25519')
const human = generateKeyPairSync('ed25519')

const approver = await startServer(
  createApprover({ issuer: APPROVER, audience: SHOP, key: human.privateKey, keyId: 'approver-1' }),
)
const shop: StartedServer = await startServer(
  createServer({
    origin: () => shop.origin,
    audience: SHOP,
    keys: staticKeys([concierge, support, desk].map(({ agentId, publicJwk }) => ({ agentId, key: publicJwk }))),
    issuer: {
      issuer: LOGIN,
      keys: { jwks: { keys: [{ ...login.publicKey.export({ format: 'jwk' }), kid: 'login-1', alg: 'EdDSA' }] } },
    },
    blocks: ['support-agent.yaml', 'refund-desk.yaml'].map((name) =>
      readFileSync(new URL(name, import.meta.url), 'utf8'),
    ),
    approvals: {
      issuer: APPROVER,
      audience: SHOP,
      keys: staticKeys([{ agentId: APPROVER, keyId: 'approver-1', key: human.publicKey }]),
      url: `${approver.origin}/requests`,
    },
  }),
)

// user_17 lets the concierge act for an hour. The token counts only with the concierge's key, and may be handed on once.
const token = await new SignJWT({
  scope: 'customer_records:read ticket_updates:write billing_api:call',
  act: { sub: concierge.agentId },
  cnf: { jwk: concierge.publicJwk },
  max_depth: 1,
})
  .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'login-1' })
  .setIssuer(LOGIN)
  .setSubject('user_17')
  .setAudience(SHOP)
  .setJti(randomUUID())
  .setIssuedAt()
  .setExpirationTime('1h')
  .sign(login.privateKey)

const ours: TokenSource = () => ({ value: token, scheme: 'Bearer' })

// The concierge hands work on without asking anybody, and says how far: refunds of one order.
const oneOrder = { type: 'urn:agent-auth:capability:1', actions: ['billing_api:call'], identifier: '12345' }
function handOnTo({ agentId, publicJwk }: typeof support, scopes: readonly string[]): TokenSource {
  const to = { agentId, key: publicJwk }
  return handOn({ token: ours, key: concierge.privateKey, to, scopes, authorizationDetails: [oneOrder] })
}
const forSupport = handOnTo(support, ['customer_records:read', 'ticket_updates:write', 'billing_api:call'])
const forDesk = handOnTo(desk, ['billing_api:call'])

function fetchAs({ agentId, privateKey }: typeof support, source: TokenSource): typeof fetch {
  return createAgentFetch({ agentId, key: privateKey, origins: [shop.origin], token: source })
}
const supportFetch = fetchAs(support, forSupport)
const deskFetch = fetchAs(desk, forDesk)

interface Answer {
  readonly status: number
  readonly content: unknown
  readonly refusal: Awaited<ReturnType<typeof readRefusal>>
}

async function post(agentFetch: typeof fetch, path: string, content: object, ticket?: string): Promise<Answer> {
  const headers = { 'Content-Type': 'application/json', ...(ticket && { 'Approval-Ticket': ticket }) }
  return answerOf(await agentFetch(shop.origin + path, { method: 'POST', headers, body: JSON.stringify(content) }))
}

async function read(path: string): Promise<Answer> {
  return answerOf(await supportFetch(shop.origin + path))
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, refusal: await readRefusal(response), content: await response.json() }
}

/** The agent takes its request to where the refusal says; a human looks at it there and agrees. */
async function askHuman(agent: typeof support, path: string, content: object, refused: Answer): Promise<string> {
  const wanted = {
    agentId: agent.agentId,
    subject: { issuer: LOGIN, id: 'user_17' },
    method: 'POST',
    url: shop.origin + path,
    contentType: 'application/json',
    body: JSON.stringify(content),
  }
  const url = refused.refusal?.approval?.url ?? ''
  const send = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(wanted) }
  const asked = await fetch(url, send)
  const agreed = await fetch(new URL(`${asked.headers.get('location')}/approve`, url), { method: 'POST' })
  return agreed.text()
}

function expect(what: string, { status, refusal }: Answer, expected: string): void {
  const outcome = refusal === undefined ? String(status) : `${status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(44)} ${outcome}`)
}

const usd = (amount: number, order = '12345'): object => ({ order, amount, currency: 'USD' })

// The support agent's owner wrote: max_refund_amount: $100.
const small = await post(supportFetch, '/refunds', usd(8_000))
expect('support refunds $80 of order 12345', small, '201')
assert.deepEqual(small.content, {
  refunded: 8_000,
  by: support.agentId,
  via: [concierge.agentId],
  for: 'user_17',
})
const large = await post(supportFetch, '/refunds', usd(25_000))
expect('support refunds $250', large, '403 constraint_violation')
const other = await post(supportFetch, '/refunds', usd(8_000, '99999'))
expect('support refunds another order', other, '403 constraint_violation')
assert.equal(other.refusal?.constraint, 'identifier')

// And: read:customer_records (scope: assigned_tickets_only).
expect("support reads its own ticket's customer", await read('/tickets/T-1/customer'), '200')
expect("support reads somebody else's", await read('/tickets/T-2/customer'), '403 constraint_violation')

// And: require_approval_for: account_closure.
const closure = '/tickets/T-1/account-closure'
const reason = { reason: 'moved away' }
const unapproved = await post(supportFetch, closure, reason)
expect('support closes an account', unapproved, '403 approval_required')
const ticket = await askHuman(support, closure, reason, unapproved)
expect('  once a human agreed', await post(supportFetch, closure, reason, ticket), '200')
expect('  with the same ticket again', await post(supportFetch, closure, reason, ticket), '403 approval_required')
const foreign = await post(supportFetch, '/tickets/T-2/account-closure', reason)
expect("  of somebody else's ticket", foreign, '403 constraint_violation')

// The refund desk's owner wrote: require_approval_above: $100, max_refund_amount: $500.
expect('the desk refunds $80', await post(deskFetch, '/refunds', usd(8_000)), '201')
const above = await post(deskFetch, '/refunds', usd(25_000))
expect('the desk refunds $250', above, '403 approval_required')
const consent = await askHuman(desk, '/refunds', usd(25_000), above)
const swapped = await post(deskFetch, '/refunds', usd(26_000), consent)
expect('  with the consent to $250, but sends $260', swapped, '403 approval_required')
expect('  with the consent to $250', await post(deskFetch, '/refunds', usd(25_000), consent), '201')
expect('the desk refunds $600', await post(deskFetch, '/refunds', usd(60_000)), '403 constraint_violation')

// What was handed on is worth nothing in other hands, and allows nothing that was not handed on.
expect(
  'the desk with what support was given',
  await post(fetchAs(desk, forSupport), '/refunds', usd(8_000)),
  '401 token_binding_mismatch',
)
expect('the desk closes an account', await post(deskFetch, closure, reason), '403 insufficient_scope')
expect(
  'the concierge itself, with no block',
  await post(fetchAs(concierge, ours), '/refunds', usd(8_000)),
  '403 insufficient_scope',
)

await Promise.all([shop.close(), approver.close()])
