import type { KeySource } from '@countermark/core'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTestAgent } from '@countermark/testing'
import express from 'express'
import { createKeyRegistry } from '../../examples/demo/key-registry.ts'
import type { Drill, DrillSet } from './drill.ts'
import { type GuardedService, startService } from './guarded-service.ts'
import { keysOf, type Stage } from './stage.ts'

/** What becomes of keys: their source fails, and they end. */
export async function createKeyDrills(stage: Stage): Promise<DrillSet> {
  const sets = await Promise.all([drillSource(), drillExpiry(stage)])
  return {
    drills: sets.flatMap(({ drills }) => drills),
    close: () => Promise.all(sets.map(({ close }) => close())),
  }
}

function startOrders(job: string, keys: KeySource): Promise<GuardedService> {
  return startService(job, (options) => {
    const store = memoryReplayStore({ allowSingleProcess: true })
    return express()
      .use(createGuard(options)(verifySignature({ keys }), preventReplay({ store })))
      .get('/orders', (_req, res) => void res.send('orders'))
  })
}

async function drillSource(): Promise<DrillSet> {
  const registry = await createKeyRegistry()
  const service = await startOrders('registry-fails', keysOf(registry))
  // Always another agent: only keys that are not known yet are asked for.
  const callAsNew = async (): Promise<number> => {
    const agent = await createTestAgent({ agentId: 'agt_new' })
    registry.put(agent.keyId, { keyId: agent.keyId, jwk: agent.publicJwk })
    return service.call({ ...agent, agentId: agent.keyId })
  }
  const drill: Drill = {
    alert: 'CountermarkKeySourceFailing',
    how: 'the registry answers 500; ended when it answers again',
    service,
    traffic: callAsNew,
    bring: async () => registry.fail(true),
    ending: { end: async () => registry.fail(false) },
  }
  return { drills: [drill], close: () => Promise.all([service.close(), registry.close()]) }
}

const THREE_DAYS = 3 * 86_400

async function drillExpiry({ registry, keys }: Stage): Promise<DrillSet> {
  const [old, next] = await Promise.all([1, 2].map(() => createTestAgent({ agentId: 'agt_leaving' })))
  if (old === undefined || next === undefined) throw new Error('two agents were to be made')
  const notAfter = Math.floor(Date.now() / 1000) + THREE_DAYS
  registry.put('agt_leaving', { keyId: old.keyId, jwk: old.publicJwk, notAfter })
  registry.put('agt_leaving', { keyId: next.keyId, jwk: next.publicJwk })
  const service = await startOrders('key-ends', keys())
  const drill: Drill = {
    alert: 'CountermarkKeyExpiresSoon',
    how: 'a request under a key that ends in three days; ended by one under a key without an end',
    service,
    bring: () => service.call(old),
    ending: { end: () => service.call(next) },
  }
  return { drills: [drill], close: service.close }
}
