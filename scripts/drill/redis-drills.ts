import { createGuard } from '@countermark/express'
import { preventReplay, redisReplayStore } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import express from 'express'
import type { Redis } from 'ioredis'
import { atOnce, type Drill, type DrillSet, FIVE_MINUTES } from './drill.ts'
import { type GuardedService, startService } from './guarded-service.ts'
import { startSlowProxy } from './slow-proxy.ts'
import { connect, type Stage, startRedisPair } from './stage.ts'

/** What becomes of the Redis that remembers nonces: it stops, it may forget, it is far away. */
export async function createRedisDrills(stage: Stage): Promise<DrillSet> {
  const sets = await Promise.all([drillStop(stage), drillEviction(stage), drillLatency(stage)])
  return {
    drills: sets.flatMap(({ drills }) => drills),
    close: () => Promise.all(sets.map(({ close }) => close())),
  }
}

/** Long enough for a machine that does much else, short enough to be noticed when Redis is gone. */
const DEADLINE_MS = 1000

interface Memory {
  readonly client: Redis
  readonly deadlineMs?: number
}

function startOrders(job: string, stage: Stage, memory: Memory): Promise<GuardedService> {
  return startService(job, (options) => {
    const store = redisReplayStore({ deadlineMs: DEADLINE_MS, ...memory })
    return express()
      .use(createGuard(options)(verifySignature({ keys: stage.keys() }), preventReplay({ store })))
      .get('/orders', (_req, res) => void res.send('orders'))
  })
}

async function drillStop(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_patient')
  const { server, client, close } = await startRedisPair()
  const service = await startOrders('redis-stopped', stage, { client })
  const drill: Drill = {
    alert: 'CountermarkDependencyDown',
    how: 'Redis stopped by SIGSTOP; ended by SIGCONT',
    service,
    traffic: () => atOnce(3, () => service.call(agent)),
    bring: async () => server.signal('SIGSTOP'),
    ending: { end: async () => server.signal('SIGCONT') },
  }
  return { drills: [drill], close: () => Promise.all([service.close(), close()]) }
}

async function drillEviction(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_crowded')
  const { client, close } = await startRedisPair(['--maxmemory', '64mb'])
  const service = await startOrders('redis-evicts', stage, { client })
  const setPolicy = (policy: string): Promise<unknown> => client.config('SET', 'maxmemory-policy', policy)
  const drill: Drill = {
    alert: 'CountermarkReplayStoreEvicts',
    how: '`maxmemory-policy allkeys-lru` set in the running Redis; ended by `noeviction`',
    service,
    traffic: () => service.call(agent),
    bring: () => setPolicy('allkeys-lru'),
    ending: { end: () => setPolicy('noeviction') },
  }
  return { drills: [drill], close: () => Promise.all([service.close(), close()]) }
}

async function drillLatency(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_distant')
  const { server, close } = await startRedisPair()
  const proxy = await startSlowProxy(server.port, 80)
  const client = connect(proxy.port)
  const service = await startOrders('redis-far-away', stage, { client, deadlineMs: 10_000 })
  const drill: Drill = {
    alert: 'CountermarkLatency',
    how: 'Redis answers 80 ms late; 20 requests',
    service,
    bring: () => atOnce(20, () => service.call(agent)),
    ending: FIVE_MINUTES,
  }
  const closeAll = async (): Promise<void> => {
    client.disconnect()
    await Promise.all([service.close(), proxy.close(), close()])
  }
  return { drills: [drill], close: closeAll }
}
