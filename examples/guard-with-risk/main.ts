import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createAgentFetch, readRefusal } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { assessRisk } from '@countermark/risk'
import { webhookAlerts } from '@countermark/risk/alerts'
import { createExpressApp } from './express-app.ts'
import { type CreateApp, listen } from './guarded.ts'
import { createKoaApp } from './koa-app.ts'
import { startReceiver } from './receiver.ts'

const PATIENCE_MS = 5000

/** A key is stolen: its thief is slowed, then may only read, people hear of it, and one of them clears the agent. */
async function tellStory(name: string, createApp: CreateApp): Promise<void> {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519')
  const publicBytes = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')
  const keys = staticKeys([{ agentId: 'agt_7f2k9x', key: publicBytes }])
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const receiver = await startReceiver(secret)
  const inside = { allowHttp: true, allowPrivateAddresses: true } as const
  const alerts = webhookAlerts({ url: receiver.origin, secret, ...inside })
  const limits = { writesPerMinute: 5, failuresPerMinute: 5 }
  const risk = assessRisk({ policy: { limits, levels: [30, 50, 99, 100] }, onChange: alerts.send })
  const server = await listen((origin) => createApp({ origin, keys, risk, alerts }))
  const call = createAgentFetch({ agentId: 'agt_7f2k9x', key, origins: [server.origin], maxRetries: 0 })

  async function send(method: string, path = '/refunds'): Promise<string> {
    const response = await call(server.origin + path, { method })
    if (response.ok || response.status === 404) return String(response.status)
    return `${response.status} ${(await readRefusal(response))?.code}`
  }
  /** Sends until this is the answer, twenty times at most. */
  async function sendUntil(wanted: string, method: string, path = '/refunds'): Promise<string> {
    let outcome = ''
    for (let at = 0; at < 20 && outcome !== wanted; at++) outcome = await send(method, `${path}/${at}`)
    return outcome
  }

  assert.equal(await send('POST'), '201')
  assert.equal(await sendUntil('429 risk_throttled', 'GET', '/customers'), '429 risk_throttled')
  assert.equal(await sendUntil('403 risk_read_only', 'POST'), '403 risk_read_only')
  const began = performance.now()
  await Promise.race([receiver.hears('read-only'), expire(PATIENCE_MS)])
  assert.ok(receiver.levels.includes('read-only'), 'people hear of it within five seconds')
  const standing = await risk.find('agt_7f2k9x')
  console.log(
    `${name}: slowed, then read-only; alerts after ${Math.round(performance.now() - began)} ms: ${receiver.levels}`,
  )
  console.log(`  ${standing?.reasons.join('; ')}`)

  await risk.review('agt_7f2k9x', { action: 'clear', by: 'rita', why: 'it has a new key' })
  assert.equal(await send('GET'), '200')
  await alerts.close()
  assert.equal(receiver.levels.at(-1), 'allow')
  console.log(`${name}: rita cleared it, and it works again`)
  await Promise.all([server.close(), receiver.close()])
}

function expire(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

await tellStory('Express', createExpressApp)
await tellStory('Koa', createKoaApp)
