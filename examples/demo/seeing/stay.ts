import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { heading, say } from '../screen.ts'
import type { World } from '../world.ts'
import { startPreview } from './preview-server.ts'
import { takeScreenshots } from './screenshots.ts'

const CALL_EVERY_MS = 250
/** `npx countermark` of this repository, not built. */
const COMMAND = 'node --import tsx --conditions=@countermark/source packages/countermark/src/cli.ts'

/** How the demo ends when it is to be looked at. */
export interface StayOptions {
  /** Take pictures of the dashboards into this folder and end, instead of waiting for Ctrl+C. */
  readonly screenshots: string | undefined
}

/** Leaves everything running, with an honest agent calling now and then, until it is interrupted. */
export async function stay(world: World, { screenshots }: StayOptions): Promise<void> {
  const { prometheus, metricsUrls, audit } = world
  heading(screenshots === undefined ? 'Running until you press Ctrl+C' : 'Pictures')
  const preview = prometheus === undefined ? undefined : await startPreview(prometheus.url)
  if (preview !== undefined) say(`dashboards            ${preview.origin}  (a preview, not Grafana)`)
  if (prometheus !== undefined) say(`prometheus            ${prometheus.url}`)
  for (const url of metricsUrls) say(`metrics               ${url}`)
  say(`audit trail           ${audit.folder}`)
  const keyFile = join(audit.copyFolder, 'agent-key.pem')
  writeFileSync(keyFile, world.buyer.privateKey, { mode: 0o600 })
  say('a key to break it with, and a command that passes; change what you like:')
  say(
    `  ${COMMAND} curl ${world.shop[0].origin}/orders --key ${keyFile} --agent agt_buyer --key-id buyer-1 --json '{"item":"kettle"}' -i`,
  )
  const timer = setInterval(() => void call(world), CALL_EVERY_MS)
  if (screenshots === undefined) await new Promise((resolve) => process.once('SIGINT', resolve))
  else if (preview !== undefined) await takeScreenshots(preview.origin, screenshots)
  clearInterval(timer)
  await preview?.close()
}

async function call({ buyer, shop: [shop], billing }: World): Promise<void> {
  const urls = [`${shop.origin}/orders`, `${billing.origin}/v1/invoices/1`]
  // One that fails is what there is to look at.
  await Promise.allSettled(urls.map(async (url) => (await buyer.fetch(url)).text()))
}
