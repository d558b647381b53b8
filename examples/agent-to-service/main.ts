import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  type AuthorityEvent,
  createAuthorityAgent,
  fileIdentityStore,
  generateAgentKey,
  readRefusal,
} from '@countermark/client'
import { startServer } from '@countermark/testing'
import { openAuthority } from './authority.ts'
import { createOperator } from './operator.ts'
import { createOrders, createRefunds } from './services.ts'

const AGENT = 'agt_7f2k9x'
const DOOR_TOKEN = 'shown by services to the authority'

const folder = await mkdtemp(join(tmpdir(), 'agent-to-service-'))
const listeners: Partial<Record<'authority' | 'orders' | 'refunds', RequestListener>> = {}
const listen = (name: keyof typeof listeners) => startServer((req, res) => listeners[name]?.(req, res))
const [provider, orders, refunds] = await Promise.all([listen('authority'), listen('orders'), listen('refunds')])

const operator = { agentId: 'agt_operator', ...generateAgentKey() }
const place = {
  folder,
  origin: provider.origin,
  services: [orders.origin, refunds.origin],
  doorToken: DOOR_TOKEN,
  operator,
}
const authority = await openAuthority(place)
listeners.authority = (req, res) => void authority.handle(req, res)
const known = { authority: provider.origin, doorToken: DOOR_TOKEN }
const shop = createOrders({ origin: orders.origin, ...known })
const desk = createRefunds({ origin: refunds.origin, ...known })
listeners.orders = shop.listener
listeners.refunds = desk.listener
await Promise.all([shop.link.ready(), desk.link.ready()])

function step(number: number, name: string): void {
  console.log(`\n${number}. ${name}`)
}

async function expect(what: string, response: Response, expected: string): Promise<void> {
  const refusal = await readRefusal(response)
  const outcome = refusal === undefined ? String(response.status) : `${response.status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`   ${what.padEnd(56)} ${outcome}`)
}

try {
  const { post } = createOperator(provider.origin, operator)

  step(1, 'The agent has an id')
  await post('/tenants', { id: 'acme', name: 'Acme' })
  await post('/tenants/acme/people', { id: 'jane', name: 'Jane', ceiling: ['orders:*', 'refunds:*'] })
  const constraints = {
    max_amount: { value: 10_000, currency: 'USD' },
    require_approval_above: { value: 5000, currency: 'USD' },
  }
  const ceiling = ['orders:read', 'refunds:create']
  const purpose = 'answers customers'
  await post('/agents', { tenant: 'acme', id: AGENT, name: 'Support', purpose, owners: ['jane'], ceiling, constraints })
  const { code } = await post(`/agents/${AGENT}/enrolment-codes`, {})
  console.log(`   ${AGENT} is registered, for Jane, and has no key yet`)

  step(2, 'The provider verifies it')
  const events: AuthorityEvent[] = []
  const agent = createAuthorityAgent({
    agentId: AGENT,
    origins: [orders.origin, refunds.origin],
    // So that nobody waits for this example: polls come fifty times as often.
    delay: (ms) => setTimeout(ms / 50),
    authority: {
      url: provider.origin,
      store: fileIdentityStore(join(folder, 'identity')),
      code: String(code),
      tokens: {},
      approvals: { waitSeconds: 60 },
      allowLoopbackHttp: true,
      onEvent: (event) => {
        events.push(event)
        if (event.type === 'approval_asked') void post(`/approvals/${event.approval}/approval`, {})
      },
    },
  })
  const first = await agent.ready()
  assert.deepEqual(events, [{ type: 'enrolled', keyId: first }])
  console.log(`   it has proven that it has the key ${first.slice(0, 8)}…, once, with a code`)

  step(3, 'Capabilities and constraints')
  const registered = await authority.findAgent(AGENT)
  assert.deepEqual([registered.capabilities, registered.constraints], [ceiling, constraints])
  console.log(`   ${registered.capabilities.join(', ')}; ${Object.keys(registered.constraints).join(', ')}`)

  step(4, 'A limited token')
  const token = await agent.token({ origin: orders.origin })
  const claims = JSON.parse(Buffer.from(String(token.value.split('.')[1]), 'base64url').toString())
  assert.deepEqual([claims.sub, claims.aud, claims.cnf.jwk !== undefined], [AGENT, orders.origin, true])
  assert.ok(claims.exp - claims.iat <= 600)
  console.log(`   for ${claims.scope}, at one service, for ${claims.exp - claims.iat} seconds, bound to the key`)

  step(5, 'Requests')
  const read = () => agent.fetch(`${orders.origin}/orders`)
  const refund = (amount: number, headers = {}) =>
    agent.fetch(`${refunds.origin}/refunds`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ order: '12345', amount }),
    })
  await expect('it reads orders, on Express', await read(), '200')
  await expect('it refunds $40, on Koa', await refund(4000), '200')
  await expect('it refunds $80: a person is asked, and agrees', await refund(8000), '200')
  await expect('it refunds $120, which is more than it may', await refund(12_000), '403 constraint_violation')
  const elsewhere = await refund(4000, { Authorization: `Bearer ${token.value}` })
  await expect('it shows the token of the other service', elsewhere, '401 token_audience')
  const thief = await fetch(`${orders.origin}/orders`, { headers: { Authorization: `Bearer ${token.value}` } })
  await expect('another one shows its token, without the key', thief, '401 credentials_missing')
  await agent.rotateKey()
  await expect('it has another key, and goes on', await read(), '200')

  await post('/stops', { target: { kind: 'agent', agent: AGENT }, reason: 'the example ends' })
  const end = performance.now() + 5000
  for (let response = await read(); response.status === 200; response = await read()) assert.ok(performance.now() < end)
  const { code: why } = (await readRefusal(await read())) ?? {}
  assert.ok(why !== undefined)
  console.log(`\nAnd it is stopped: ${why}`)
} finally {
  shop.link.close()
  desk.link.close()
  await Promise.all([provider.close(), orders.close(), refunds.close()])
  await authority.close()
  await rm(folder, { recursive: true })
}
