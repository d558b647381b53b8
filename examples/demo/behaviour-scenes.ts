import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { createGuard } from '@countermark/express'
import { createGuard as createKoaGuard } from '@countermark/koa'
import { verifyWebhook, webhookSecrets } from '@countermark/outbound'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { assessRisk, type RiskCheck } from '@countermark/risk'
import { webhookAlerts } from '@countermark/risk/alerts'
import { verifySignature } from '@countermark/signature'
import { createTestAgent, keySourceOf, rawRequest, sendRaw, startServer, type TestAgent } from '@countermark/testing'
import express from 'express'
import Koa from 'koa'
import { rawOutcome, type Scene } from './scene.ts'

const ORIGIN = 'https://refunds.example.com'
const EXPECTED = 'slowed, read-only, told, cleared, 200'
const MOST_REQUESTS = 20
const PATIENCE_MS = 5000

type CreateApp = (agent: TestAgent, risk: RiskCheck) => RequestListener

const checksOf = (agent: TestAgent) =>
  [
    verifySignature({ keys: keySourceOf(agent) }),
    preventReplay({ store: memoryReplayStore({ allowSingleProcess: true }) }),
  ] as const

const onExpress: CreateApp = (agent, risk) => {
  const guard = createGuard({ origins: [ORIGIN], observers: [risk.observer] })
  const app = express().use(guard(...checksOf(agent), risk))
  return app.all('/refunds', (_req, res) => void res.json({}))
}

const onKoa: CreateApp = (agent, risk) => {
  const guard = createKoaGuard({ origins: [ORIGIN], observers: [risk.observer] })
  const app = new Koa().use(guard(...checksOf(agent), risk))
  app.use((ctx) => {
    if (ctx.path === '/refunds') ctx.body = {}
  })
  return app.callback()
}

/** A key is stolen in mid-run. Nothing about its signatures is wrong; what it does is. */
async function playTheft(createApp: CreateApp): Promise<string> {
  const agent = await createTestAgent({ agentId: 'agt_stolen' })
  const team = await startTeam()
  const limits = { writesPerMinute: 5, failuresPerMinute: 5 }
  const risk = assessRisk({ policy: { limits, levels: [30, 50, 99, 100] }, onChange: team.alerts.send })
  const server = await startServer(createApp(agent, risk))
  const send = async (method: string, target: string): Promise<string> => {
    const signed = await agent.signRequest({ method, target, url: ORIGIN + target })
    return rawOutcome(await sendRaw(server.port, rawRequest(signed)))
  }
  const until = async (wanted: string, method: string, target: string): Promise<boolean> => {
    for (let at = 0; at < MOST_REQUESTS; at++) if ((await send(method, `${target}/${at}`)) === wanted) return true
    return false
  }
  const seen: string[] = []
  if (await until('429 risk_throttled', 'GET', '/customers')) seen.push('slowed')
  if (await until('403 risk_read_only', 'POST', '/refunds')) seen.push('read-only')
  if (await team.hears('read-only')) seen.push('told')
  await risk.review(agent.agentId, { action: 'clear', by: 'rita', why: 'it has a new key' })
  if (await team.hears('allow')) seen.push('cleared')
  seen.push(await send('GET', '/refunds'))
  await Promise.all([server.close(), team.close()])
  return seen.join(', ')
}

/** People who hear of changed levels by signed webhooks. */
async function startTeam() {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const secrets = webhookSecrets('secret', secret)
  const listeners = new Map<string, () => void>()
  const levels = new Set<string>()
  const receiver = await startServer(async (request, response) => {
    const content = await text(request)
    response.writeHead(204).end()
    if (!verifyWebhook(request.headers, content, { secrets, nowMs: Date.now() })) return
    const { to } = JSON.parse(content).data
    levels.add(to)
    listeners.get(to)?.()
  })
  const alerts = webhookAlerts({ url: receiver.origin, secret, allowHttp: true, allowPrivateAddresses: true })
  return {
    alerts,
    hears: async (level: string): Promise<boolean> => {
      if (levels.has(level)) return true
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), PATIENCE_MS)
        listeners.set(level, () => {
          clearTimeout(timer)
          resolve(true)
        })
      })
    },
    close: async (): Promise<void> => {
      await alerts.close()
      await receiver.close()
    },
  }
}

/** What happens to a stolen key while it is used. */
export const BEHAVIOUR_SCENES: readonly Scene[] = [
  { backend: 'express', title: 'a stolen key in mid-run', expected: EXPECTED, play: () => playTheft(onExpress) },
  { backend: 'koa', title: 'a stolen key in mid-run', expected: EXPECTED, play: () => playTheft(onKoa) },
]
