import { type RequestToSign, rawRequest, type SignedRequest, sendRaw, type TestAgent } from '@countermark/testing'
import type { BackendProcess } from './processes.ts'
import { allOf, attack, outcomeOf, rawOutcome, type Scene } from './scene.ts'
import type { World } from './world.ts'

const ORDER = {
  target: '/orders',
  method: 'POST',
  body: '{"item":"kettle"}',
  headers: { 'Content-Type': 'application/json' },
} as const
const INVOICE = { ...ORDER, target: '/v1/invoices', body: '{"amount":4200}' } as const

/** A victim's request, taken off the wire before it arrived. */
function capture(backend: BackendProcess, agent: TestAgent, request: RequestToSign = ORDER): Promise<SignedRequest> {
  return agent.signRequest({ ...request, url: backend.origin + (request.target ?? '/') })
}

const shopOf = ({ shop }: World): BackendProcess => shop[0]

/** A captured request that arrives with one thing changed, on both backends: they must agree. */
function changed(
  title: string,
  expected: string,
  sent: NonNullable<NonNullable<RequestToSign['tamper']>['sent']>,
): Scene {
  return {
    backend: 'both',
    title,
    expected,
    play: async (world) => {
      const { victim, billing } = world
      const [first, second] = await Promise.all([
        attack(shopOf(world), victim, { ...ORDER, tamper: { sent } }),
        attack(billing, victim, { ...INVOICE, tamper: { sent } }),
      ])
      return allOf([first, second], expected)
    },
  }
}

/** What attackers do, and what they are told. */
export const ATTACK_SCENES: readonly Scene[] = [
  {
    backend: 'both',
    title: 'no credentials at all',
    expected: '401 credentials_missing',
    play: async (world) => {
      const answers = await Promise.all([
        fetch(`${shopOf(world).origin}/orders`),
        fetch(`${world.billing.origin}/v1/invoices/1`),
      ])
      return allOf(await Promise.all(answers.map(outcomeOf)), '401 credentials_missing')
    },
  },
  changed('the body is tampered with on the way', '400 digest_mismatch', { body: Buffer.from('{"item":"golden"}') }),
  changed('the path is swapped', '401 signature_invalid', { target: '/uploads' }),
  changed('the method is swapped', '401 signature_invalid', { method: 'DELETE' }),
  changed('a query is added', '401 coverage_insufficient', { target: '/orders?admin=true' }),
  {
    backend: 'both',
    title: 'the request was meant for another host',
    expected: '400 authority_mismatch',
    play: async (world) => {
      const elsewhere = await world.victim.signRequest({ ...ORDER, url: 'https://evil.example/orders' })
      const answers = await Promise.all(
        [shopOf(world), world.billing].map(({ port }) => sendRaw(port, rawRequest(elsewhere))),
      )
      return allOf(answers.map(rawOutcome), '400 authority_mismatch')
    },
  },
  {
    backend: 'both',
    title: 'a replay, byte for byte',
    expected: '401 replay_detected',
    play: async (world) => {
      const request = await capture(shopOf(world), world.victim)
      const first = rawOutcome(await sendRaw(shopOf(world).port, rawRequest(request)))
      if (first !== '201') return `the first answer was ${first}`
      return rawOutcome(await sendRaw(shopOf(world).port, rawRequest(request)))
    },
  },
  {
    backend: 'express',
    title: 'a replay to the second process of the service',
    expected: '401 replay_detected',
    needsRedis: true,
    play: async (world) => {
      const request = await capture(shopOf(world), world.victim)
      const first = rawOutcome(await sendRaw(shopOf(world).port, rawRequest(request)))
      if (first !== '201') return `the first answer was ${first}`
      return rawOutcome(await sendRaw(world.shop[1]?.port ?? 0, rawRequest(request)))
    },
  },
  {
    backend: 'koa',
    title: '50 copies at the same moment: exactly one passes',
    expected: '1 × 201, 49 × 401 replay_detected',
    play: async ({ billing, victim }) => {
      const request = rawRequest(await capture(billing, victim, INVOICE))
      const answers = await Promise.all(Array.from({ length: 50 }, () => sendRaw(billing.port, request)))
      const outcomes = answers.map(rawOutcome)
      const counts = new Map<string, number>()
      for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
      return [...counts]
        .sort()
        .map(([outcome, count]) => `${count} × ${outcome}`)
        .join(', ')
    },
  },
  {
    backend: 'koa',
    title: 'a signature made ten minutes ago',
    expected: '401 signature_expired',
    play: ({ billing, victim }) => attack(billing, victim, { ...INVOICE, created: nowSeconds() - 600 }),
  },
  {
    backend: 'express',
    title: 'a signature made ten minutes ahead',
    expected: '401 signature_not_yet_valid',
    play: (world) => attack(shopOf(world), world.victim, { ...ORDER, created: nowSeconds() + 600 }),
  },
  {
    backend: 'express',
    title: 'mallory signs in the victim’s name',
    expected: '403 agent_mismatch',
    play: (world) => attack(shopOf(world), world.mallory, { ...ORDER, agentId: 'agt_victim' }),
  },
  {
    backend: 'koa',
    title: 'mallory signs under the victim’s key id',
    expected: '401 signature_invalid',
    play: ({ billing, victim, mallory }) =>
      attack(billing, mallory, { ...INVOICE, agentId: 'agt_victim', keyId: victim.keyId }),
  },
  {
    backend: 'express',
    title: 'a small-order key, under which anybody can sign',
    expected: '401 key_unknown',
    play: async (world) => {
      world.keys.put('agt_weak', {
        keyId: 'weak',
        jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' },
      })
      const forged = new Uint8Array(64)
      forged[0] = 1
      return attack(shopOf(world), world.mallory, {
        ...ORDER,
        agentId: 'agt_weak',
        keyId: 'weak',
        tamper: { signature: () => forged },
      })
    },
  },
  {
    backend: 'koa',
    title: 'Agent-ID twice',
    expected: '400 request_malformed',
    play: ({ billing, victim }) =>
      attack(billing, victim, {
        ...INVOICE,
        tamper: { headerLines: (lines) => [...lines, ['Agent-ID', 'agt_mallory']] },
      }),
  },
  {
    backend: 'express',
    title: 'an absolute-form target that names another host',
    expected: '400 request_malformed',
    play: (world) =>
      attack(shopOf(world), world.victim, { ...ORDER, tamper: { sent: { target: 'http://evil.example/orders' } } }),
  },
  {
    backend: 'koa',
    title: 'a body without a digest',
    expected: '401 coverage_insufficient',
    play: ({ billing, victim }) => attack(billing, victim, { ...INVOICE, digest: null }),
  },
  {
    backend: 'express',
    title: 'the signature is stripped down to @authority',
    expected: '401 coverage_insufficient',
    play: (world) => attack(shopOf(world), world.victim, { ...ORDER, components: ['@authority'] }),
  },
  {
    backend: 'express',
    title: 'a simple-form signature moved to another path',
    expected: '401 signature_invalid',
    play: (world) =>
      attack(shopOf(world), world.victim, { ...ORDER, form: 'simple-v1', tamper: { sent: { target: '/uploads' } } }),
  },
]

/** Played last: a registry that was flooded answers strangers slowly for a while, by design. */
export const FLOOD_SCENE: Scene = {
  backend: 'both',
  title: '1,000 requests with unknown keys: the known agent does not notice',
  expected: '200',
  play: async (world) => {
    const shop = shopOf(world)
    const known = await outcomeOf(await world.buyer.fetch(`${shop.origin}/orders`))
    if (known !== '200') return `before, it was ${known}`
    const before = world.keys.requests()
    const begun = performance.now()
    const flooding = Array.from({ length: 1000 }, (_, index) =>
      attack(shop, world.mallory, { target: '/orders', agentId: null, keyId: `unknown-${index}` }),
    )
    const flood = Promise.allSettled(flooding)
    const good = await world.buyer.fetch(`${shop.origin}/orders`)
    await flood
    const asked = world.keys.requests() - before
    // Of one network: ten seconds' worth at once, then forty a second.
    const most = 400 + (40 * (performance.now() - begun)) / 1000
    return asked <= most ? outcomeOf(good) : `the registry was asked ${asked} times`
  },
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
