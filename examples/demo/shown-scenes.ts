import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RequestToSign } from '@countermark/testing'
import { playExchange, playShownApproval, playStop } from './authority-scenes.ts'
import type { Scene } from './scene.ts'
import { say } from './screen.ts'
import { verifyTamperedCopy, verifyTrails } from './seeing/audit-check.ts'
import { sendShown } from './showing.ts'
import type { World } from './world.ts'

const ORDER: RequestToSign = {
  method: 'POST',
  target: '/orders',
  headers: { 'Content-Type': 'application/json' },
  body: '{"item":"kettle"}',
}

/** The seven that `npm run demo` shows, each with request, answer and reason. */
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
    backend: 'both',
    title: 'An authority registers an agent: its token says for whom it acts, at both services',
    expected: '200',
    play: playExchange,
  },
  {
    backend: 'koa',
    title: 'Above ten euros a person approves one request, once',
    expected: '403 approval_required, 201, 403 approval_required',
    play: playShownApproval,
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
  {
    backend: 'both',
    title: 'The authority stops the agent: every process refuses',
    expected: 'refused',
    play: playStop,
  },
]

const PATIENCE_MS = 10_000

/** Checkpoints come a moment behind the records that they vouch for. */
async function whenAnchored({ folder, anchorFolder }: World['audit']): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  const names = readdirSync(folder).filter((name) => name.endsWith('.ndjson'))
  const paths = names.map((name) => join(anchorFolder, name.replace('.ndjson', '.checkpoints')))
  while (!paths.every((path) => existsSync(path)) && performance.now() < until) await pause(50)
}
