import { generateKeyPairSync } from 'node:crypto'
import { rawRequest, sendRaw } from '@countermark/testing'
import { allOf, outcomeOf, rawOutcome, type Scene } from './scene.ts'

const ORDER = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"item":"kettle"}' }

/** Days that come: keys rotate, processes restart, the registry goes down. */
export const DAY_SCENES: readonly Scene[] = [
  {
    backend: 'both',
    title: 'key rotation: the new key works, the old one still does',
    expected: '200',
    play: async ({ shop: [shop], billing, buyer, keys }) => {
      const next = generateKeyPairSync('ed25519')
      keys.put(buyer.agentId, { keyId: 'buyer-2', jwk: next.publicKey.export({ format: 'jwk' }) })
      const renewed = buyer.fetchAs(buyer.agentId, next.privateKey, 'buyer-2')
      const outcomes = [
        await outcomeOf(await renewed(`${shop.origin}/orders`)),
        await outcomeOf(await renewed(`${billing.origin}/v1/invoices/1`)),
        await outcomeOf(await buyer.fetch(`${shop.origin}/orders`)),
        await outcomeOf(await buyer.fetch(`${billing.origin}/v1/invoices/1`)),
      ]
      return allOf(outcomes, '200')
    },
  },
  {
    backend: 'express',
    title: 'a key past its end is refused by name',
    expected: '401 key_expired',
    play: async ({ shop: [shop], buyer, keys }) => {
      const past = generateKeyPairSync('ed25519')
      const notAfter = Math.floor(Date.now() / 1000) - 3600
      keys.put('agt_retired', { keyId: 'retired-1', jwk: past.publicKey.export({ format: 'jwk' }), notAfter })
      return outcomeOf(await buyer.fetchAs('agt_retired', past.privateKey, 'retired-1')(`${shop.origin}/orders`))
    },
  },
  {
    backend: 'express',
    title: 'a process restarts: the client proves itself fresh by itself',
    expected: '201',
    play: async ({ shop: [shop], buyer }) => {
      await shop.restart()
      return outcomeOf(await buyer.fetch(`${shop.origin}/orders`, ORDER))
    },
  },
  {
    backend: 'express',
    title: 'a request captured before the restart is not accepted after it',
    expected: 'refused',
    play: async ({ shop: [shop], victim }) => {
      const request = rawRequest(await victim.signRequest({ ...ORDER, url: `${shop.origin}/orders` }))
      const first = rawOutcome(await sendRaw(shop.port, request))
      if (first !== '201') return `the first answer was ${first}`
      await shop.restart()
      const second = rawOutcome(await sendRaw(shop.port, request))
      // With Redis the claim is still there; without it, the new process knows that it cannot know.
      return ['401 replay_detected', '401 freshness_unproven'].includes(second) ? 'refused' : second
    },
  },
  {
    backend: 'both',
    title: 'the key registry goes down: cached keys carry on',
    expected: '200',
    play: async ({ shop: [shop], billing, buyer, keys }) => {
      await outcomeOf(await buyer.fetch(`${shop.origin}/orders`))
      keys.fail(true)
      const outcomes = [
        await outcomeOf(await buyer.fetch(`${shop.origin}/orders`)),
        await outcomeOf(await buyer.fetch(`${billing.origin}/v1/invoices/1`)),
      ]
      keys.fail(false)
      return allOf(outcomes, '200')
    },
  },
]
