import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createAuthorityAgent, memoryIdentityStore, readRefusal } from '@countermark/client'
import { startServer } from '@countermark/testing'
import { createOrders } from './backend.ts'
import { openOrganisation, registerAgent } from './organisation.ts'

const AGENT = 'agt_buyer'
const DEADLINE_MS = 15_000

const folder = await mkdtemp(join(tmpdir(), 'cross-organisation-'))
const listeners: Partial<Record<'buyer' | 'seller' | 'orders', RequestListener>> = {}
const listen = (name: keyof typeof listeners) => startServer((req, res) => listeners[name]?.(req, res))
const [atBuyer, atSeller, atOrders] = await Promise.all([listen('buyer'), listen('seller'), listen('orders')])
await Promise.all(['buyer', 'seller'].map((name) => mkdir(join(folder, name))))

const places = {
  // Its agents get tokens for the seller's authority, and for nothing behind it.
  buyer: { folder: join(folder, 'buyer'), origin: atBuyer.origin, services: [atSeller.origin] },
  seller: { folder: join(folder, 'seller'), origin: atSeller.origin, services: [atOrders.origin] },
}
const [buyer, seller] = await Promise.all([openOrganisation(places.buyer), openOrganisation(places.seller)])
listeners.buyer = buyer.listener
listeners.seller = seller.listener
const orders = createOrders(atOrders.origin, atSeller.origin)
listeners.orders = orders.listener
await orders.link.ready()

function step(number: number, name: string): void {
  console.log(`\n${number}. ${name}`)
}

async function outcomeOf(response: Response): Promise<string> {
  const refusal = await readRefusal(response)
  return refusal === undefined ? String(response.status) : `${response.status} ${refusal.code}`
}

function show(what: string, outcome: string, expected: string): void {
  assert.equal(outcome, expected, what)
  console.log(`   ${what.padEnd(56)} ${outcome}`)
}

try {
  step(1, 'Each organisation registers the agent, which has a key of its own at each')
  const [codeAtBuyer, codeAtSeller] = await Promise.all([
    registerAgent(buyer, 'purchasing', AGENT),
    registerAgent(seller, 'partners', AGENT),
  ])
  const here = { allowLoopbackHttp: true }
  const atHome = createAuthorityAgent({
    agentId: AGENT,
    origins: [atSeller.origin],
    authority: { url: atBuyer.origin, code: codeAtBuyer, store: memoryIdentityStore(), tokens: {}, ...here },
  })
  const subjectToken = async () => (await atHome.token({ origin: atSeller.origin })).value
  const store = memoryIdentityStore()
  const createAgentAtSeller = () =>
    createAuthorityAgent({
      agentId: AGENT,
      origins: [atOrders.origin],
      authority: { url: atSeller.origin, code: codeAtSeller, store, tokens: { subjectToken }, ...here },
    })
  const early = createAgentAtSeller()
  await Promise.all([atHome.ready(), early.ready()])
  await assert.rejects(async () => early.token({ origin: atOrders.origin }), { oauthError: 'invalid_request' })
  console.log("   the buyer's word counts for nothing at the seller yet")

  step(2, 'The buyer publishes a signed list; the seller imports it, with its key pinned')
  const ceiling = ['orders:read', 'orders:create']
  const entry = { issuer: atBuyer.origin, name: 'Buyer', ceiling, agents: [AGENT] }
  await buyer.call('PUT', '/trust-list', { entries: [entry], lifetimeHours: 24 })
  const keys = (await buyer.authority.signingKeys.listPublicKeys()).map(({ kid }) => kid)
  const list = { url: `${atBuyer.origin}/trust-list`, issuer: atBuyer.origin, keys, mayAct: 'any-agent' }
  await seller.call('POST', '/tenants/partners/trust-lists', { ...list, ceiling: ['orders:read'] })
  // It happens by itself within seconds; the example does not wait.
  await seller.authority.refreshTrustLists()
  const { items } = await seller.call('GET', '/tenants/partners/trust-lists')
  const [imported] = items as readonly { readonly entries: number; readonly notes: readonly { outcome: string }[] }[]
  assert.deepEqual([imported?.entries, imported?.notes[0]?.outcome], [1, 'narrowed'])
  console.log('   one organisation; orders:create is more than the import allows, and was taken off')

  step(3, 'The buyer tells the seller of what it ends')
  const address = `${atSeller.origin}/tenants/partners/security-events`
  const delivery = { method: 'urn:ietf:rfc:8935', endpoint_url: address }
  await buyer.call('POST', '/ssf/streams', { aud: atSeller.origin, delivery })
  console.log(`   as security events, pushed to ${new URL(address).pathname}`)

  step(4, "The agent exchanges the buyer's token for one of the seller's, and reads orders")
  const agent = createAgentAtSeller()
  const read = () => agent.fetch(`${atOrders.origin}/orders`)
  const response = await read()
  show('it reads orders', await outcomeOf(response.clone()), '200')
  assert.deepEqual(await response.json(), { agent: AGENT, for: `${atBuyer.origin}#${AGENT}` })
  const created = await agent.fetch(`${atOrders.origin}/orders`, { method: 'POST' })
  show('it orders something', await outcomeOf(created), '403 insufficient_scope')

  step(5, 'The buyer stops its agent')
  const since = performance.now()
  await buyer.call('POST', '/stops', { target: { kind: 'agent', agent: AGENT }, reason: 'the key was stolen' })
  let refused = await outcomeOf(await read())
  while (refused === '200') {
    assert.ok(performance.now() - since < DEADLINE_MS, 'the door refuses in time')
    await setTimeout(20)
    refused = await outcomeOf(await read())
  }
  show("the seller's door", refused, '401 token_revoked')
  console.log(`   ${Math.round(performance.now() - since)} ms after the stop`)
} finally {
  orders.link.close()
  // The buyer goes first: it pushes events to the seller.
  await Promise.all([buyer.close(), atBuyer.close()])
  await Promise.all([atSeller.close(), atOrders.close()])
  await seller.close()
  await rm(folder, { recursive: true })
}
