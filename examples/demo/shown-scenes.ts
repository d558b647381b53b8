import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RequestToSign } from '@countermark/testing'
import { aRefund } from './ask.ts'
import type { Scene } from './scene.ts'
import { say } from './screen.ts'
import { verifyTamperedCopy, verifyTrails } from './seeing/audit-check.ts'
import { grantTo, refundsWithin } from './service.ts'
import { sendShown } from './showing.ts'
import type { World } from './world.ts'

const ORDER: RequestToSign = {
  method: 'POST',
  target: '/orders',
  headers: { 'Content-Type': 'application/json' },
  body: '{"item":"kettle"}',
}
const TEN_EUROS = { max_refund_amount: { value: 1000, currency: 'EUR' } }

/** The six that `npm run demo` shows, each with request, answer and reason. */
export const SHOWN_SCENES: readonly Scene[] = [
  {
    backend: 'express',
    title: 'An agent signs its request: the backend knows who calls',
    expected: '201',
    play: async ({ shop: [shop], victim }) =>
      sendShown(shop, await victim.signRequest({ ...ORDER, url: shop.origin, target: '/orders' })),
  },
  {
    backend: 'express',
    title: 'The same request a second time: a copy is worth nothing',
    expected: '401 replay_detected',
    play: async ({ shop: [shop], victim }) => {
      const signed = await victim.signRequest({ ...ORDER, url: shop.origin, target: '/orders' })
      const first = await sendShown(shop, signed)
      return first === '201' ? sendShown(shop, signed) : `the first was ${first}`
    },
  },
  {
    backend: 'express',
    title: 'Somebody on the way changes the order: the digest does not fit',
    expected: '400 digest_mismatch',
    play: async ({ shop: [shop], victim }) => {
      const tamper = { sent: { body: Buffer.from('{"item":"golden kettle"}') } }
      return sendShown(shop, await victim.signRequest({ ...ORDER, url: shop.origin, target: '/orders', tamper }))
    },
  },
  {
    backend: 'koa',
    title: 'A user lets an agent read one customer: the token says for whom it acts',
    expected: '200',
    play: async (world) => {
      const [, billing] = world.services
      const token = await world.issuer.mint(grantTo(world.assistant, billing, 'customers:user_17:read'))
      return askShown(world, token, { target: '/customers/user_17' })
    },
  },
  {
    backend: 'koa',
    title: 'It may give ten euros back, and asks for fifty',
    expected: '403 constraint_violation',
    play: async (world) => {
      const [, billing] = world.services
      const token = await world.issuer.mint(refundsWithin(world.assistant, billing, TEN_EUROS))
      const first = await askShown(world, token, aRefund(900))
      return first === '201' ? askShown(world, token, aRefund(5000)) : `within the limit it was ${first}`
    },
  },
  {
    backend: 'both',
    title: 'The trail of all this is verified; in a copy a refusal was cut out',
    expected: 'found',
    play: async ({ audit }) => {
      await whenAnchored(audit)
      const trails = await verifyTrails(audit)
      const records = trails.reduce((sum, { report }) => sum + report.records, 0)
      say(
        `${records} records in ${trails.length} trails: ${trails.every(({ report }) => report.findingCount === 0) ? 'as they were written' : 'altered'}`,
      )
      const { findings } = await verifyTamperedCopy(audit, trails)
      say(`the copy: ${findings[0]?.message ?? 'nothing found'}`)
      return findings.length > 0 ? 'found' : 'not found'
    },
  },
]

async function askShown({ services, assistant }: World, token: string, request: RequestToSign): Promise<string> {
  const [, { backend, prefix }] = services
  const headers = { ...request.headers, Authorization: `Bearer ${token}` }
  const target = prefix + (request.target ?? '/')
  return sendShown(backend, await assistant.signRequest({ ...request, headers, url: backend.origin, target }))
}

const PATIENCE_MS = 10_000

/** Checkpoints come a moment behind the records that they vouch for. */
async function whenAnchored({ folder, anchorFolder }: World['audit']): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  const names = readdirSync(folder).filter((name) => name.endsWith('.ndjson'))
  const paths = names.map((name) => join(anchorFolder, name.replace('.ndjson', '.checkpoints')))
  while (!paths.every((path) => existsSync(path)) && performance.now() < until) await pause(50)
}
