import { createGuard as guardExpress } from '@countermark/express'
import { createGuard as guardKoa } from '@countermark/koa'
import { memoryReplayStore, preventReplay, redisReplayStore } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import Router from '@koa/router'
import express from 'express'
import Koa from 'koa'
import { atOnce, type Drill, type DrillSet, FIVE_MINUTES, PASSES } from './drill.ts'
import { type GuardedService, ORIGIN, startService } from './guarded-service.ts'
import { type Stage, startRedisPair } from './stage.ts'

/** What callers do: sign wrongly, and send again what was sent before. */
export async function createCallerDrills(stage: Stage): Promise<DrillSet> {
  const [signatures, replays] = await Promise.all([drillSignatures(stage), drillReplays(stage)])
  return {
    drills: [...signatures.drills, ...replays.drills],
    close: () => Promise.all([signatures.close(), replays.close()]),
  }
}

function startKoa(stage: Stage): Promise<GuardedService> {
  return startService('koa-signatures', (options) => {
    const store = memoryReplayStore({ allowSingleProcess: true })
    const guard = guardKoa(options)(verifySignature({ keys: stage.keys() }), preventReplay({ store }))
    const router = new Router().get('/orders', (ctx) => {
      ctx.body = 'orders'
    })
    return new Koa().use(guard).use(router.routes()).callback()
  })
}

async function drillSignatures(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_careless')
  const service = await startKoa(stage)
  // The first accepted request lets the counter of refused ones begin at 0.
  const about = { service, traffic: () => service.call(agent) }
  const spoil = (signature: Uint8Array): Uint8Array => signature.map((byte) => byte ^ 1)
  const failed: Drill = {
    ...about,
    alert: 'CountermarkFailedAuthentications',
    how: 'Koa: 15 requests with a bad signature',
    bring: () => atOnce(15, () => service.call(agent, { tamper: { signature: spoil } })),
    ending: PASSES,
  }
  const signatures: Drill = {
    ...about,
    alert: 'CountermarkSignatureFailures',
    how: 'the same requests, under a key of a registered agent',
    bring: async () => undefined,
    ending: FIVE_MINUTES,
  }
  return { drills: [failed, signatures], close: service.close }
}

async function drillReplays(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_recorded')
  const redis = await startRedisPair()
  const service = await startService('replays', (options) => {
    const store = redisReplayStore({ client: redis.client, deadlineMs: 5000 })
    const guard = guardExpress(options)(verifySignature({ keys: stage.keys() }), preventReplay({ store }))
    return express()
      .use(guard)
      .get('/orders', (_req, res) => void res.send('orders'))
  })
  const bring = async (): Promise<unknown> => {
    const signed = await agent.signRequest({ url: `${ORIGIN}/orders` })
    return atOnce(30, () => service.send(signed))
  }
  const how = 'Express and Redis: one signed request, sent 30 times'
  return {
    drills: [
      { alert: 'CountermarkReplayBurst', how, service, traffic: () => service.call(agent), bring, ending: PASSES },
    ],
    close: () => Promise.all([service.close(), redis.close()]),
  }
}
