import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createAgentFetch, generateAgentKey, handOn, type TokenSource } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { type StartedServer, startServer } from '@countermark/testing'
import { SignJWT } from 'jose'
import { createApprover } from './approver.ts'
import { type Answer, askHuman, type Call, call } from './caller.ts'
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

function expect(what: string, { status, refusal }: Answer, expected: string): void {
  const outcome = refusal === undefined ? String(status) : `${status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(44)} ${outcome}`)
}

const refundOf = (amount: number, order = '12345'): Call => ({
  url: `${shop.origin}/refunds`,
  content: { order, amount, currency: 'USD' },
})
const closureOf = (ticket: string): Call => ({
  url: `${shop.origin}/tickets/${ticket}/account-closure`,
  content: { reason: 'moved away' },
})
const customerOf = (ticket: string): Call => ({ url: `${shop.origin}/tickets/${ticket}/customer` })

// The support agent's owner wrote: max_refund_amount: $100.
const small = await call(supportFetch, refundOf(8_000))
expect('support refunds $80 of order 12345', small, '201')
const whole = { refunded: 8_000, by: support.agentId, via: [concierge.agentId], for: 'user_17' }
assert.deepEqual(small.content, whole)
expect('support refunds $250', await call(supportFetch, refundOf(25_000)), '403 constraint_violation')
const other = await call(supportFetch, refundOf(8_000, '99999'))
expect('support refunds another order', other, '403 constraint_violation')
assert.equal(other.refusal?.constraint, 'identifier')

// And: read:customer_records (scope: assigned_tickets_only).
expect("support reads its own ticket's customer", await call(supportFetch, customerOf('T-1')), '200')
expect("support reads somebody else's", await call(supportFetch, customerOf('T-2')), '403 constraint_violation')

// And: require_approval_for: account_closure.
const closure = closureOf('T-1')
const unapproved = await call(supportFetch, closure)
expect('support closes an account', unapproved, '403 approval_required')
const ticket = await askHuman(support.agentId, 'user_17', closure, unapproved)
expect('  once a human agreed', await call(supportFetch, closure, ticket), '200')
expect('  with the same ticket again', await call(supportFetch, closure, ticket), '403 approval_required')
expect("  of somebody else's ticket", await call(supportFetch, closureOf('T-2')), '403 constraint_violation')

// The refund desk's owner wrote: require_approval_above: $100, max_refund_amount: $500.
expect('the desk refunds $80', await call(deskFetch, refundOf(8_000)), '201')
const above = await call(deskFetch, refundOf(25_000))
expect('the desk refunds $250', above, '403 approval_required')
const consent = await askHuman(desk.agentId, 'user_17', refundOf(25_000), above)
const swapped = await call(deskFetch, refundOf(26_000), consent)
expect('  with the consent to $250, but sends $260', swapped, '403 approval_required')
expect('  with the consent to $250', await call(deskFetch, refundOf(25_000), consent), '201')
expect('the desk refunds $600', await call(deskFetch, refundOf(60_000)), '403 constraint_violation')

// What was handed on is worth nothing in other hands, and allows nothing that was not handed on.
const borrowed = await call(fetchAs(desk, forSupport), refundOf(8_000))
expect('the desk with what support was given', borrowed, '401 token_binding_mismatch')
expect('the desk closes an account', await call(deskFetch, closure), '403 insufficient_scope')
const itself = await call(fetchAs(concierge, ours), refundOf(8_000))
expect('the concierge itself, with no block', itself, '403 insufficient_scope')

await Promise.all([shop.close(), approver.close()])
