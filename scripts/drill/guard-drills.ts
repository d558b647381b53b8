import { requireCapability } from '@countermark/capability'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { createVerificationQueue, verifySignature } from '@countermark/signature'
import express from 'express'
import { createTableEngine } from '../../packages/ed25519-tables/src/table-engine.ts'
import { createTablesVerifier } from '../../packages/ed25519-tables/src/tables.ts'
import { atOnce, type Drill, type DrillSet, FIVE_MINUTES, PASSES } from './drill.ts'
import { ORIGIN, startService } from './guarded-service.ts'
import type { Stage } from './stage.ts'

/** What happens in a guard: a flood, a mistake in its configuration, a capability that was never used, a wrong verifier. */
export async function createGuardDrills(stage: Stage): Promise<DrillSet> {
  const drills = await Promise.all(
    [drillFlood, drillBodyParser, drillCapability, drillTables].map((make) => make(stage)),
  )
  return { drills, close: () => Promise.all(drills.map(({ service }) => service.close())) }
}

const remember = (): ReturnType<typeof memoryReplayStore> => memoryReplayStore({ allowSingleProcess: true })

async function drillFlood(stage: Stage): Promise<Drill> {
  const agent = await stage.agent('agt_crowd')
  const queue = createVerificationQueue({ syncPerTurn: 0, maxInFlight: 1, maxQueued: 1 })
  const service = await startService('flood', (options) =>
    express()
      .use(createGuard(options)(verifySignature({ keys: stage.keys(), queue }), preventReplay({ store: remember() })))
      .get('/orders', (_req, res) => void res.send('orders')),
  )
  return {
    alert: 'CountermarkShedding',
    how: '100 requests at once where one signature is verified at a time and one may wait',
    service,
    traffic: () => service.call(agent),
    bring: async () => {
      const flood = await atOnce(100, () => agent.signRequest({ url: `${ORIGIN}/orders` }))
      return Promise.all(flood.map(service.send))
    },
    ending: PASSES,
  }
}

async function drillBodyParser(stage: Stage): Promise<Drill> {
  const agent = await stage.agent('agt_writer')
  const service = await startService('parser-first', (options) =>
    express()
      .use(express.json())
      .use(createGuard(options)(verifySignature({ keys: stage.keys() }), preventReplay({ store: remember() })))
      .post('/orders', (_req, res) => void res.send('ordered')),
  )
  const order = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"item":"a-1"}' }
  return {
    alert: 'CountermarkConfigurationError',
    how: 'a guard behind `express.json()`; one POST with a body',
    service,
    bring: () => service.call(agent, order),
    ending: FIVE_MINUTES,
  }
}

async function drillCapability(stage: Stage): Promise<Drill> {
  const agent = await stage.agent('agt_curious')
  stage.registry.limit('agt_curious', { capabilities: ['refunds:create'], constraints: {} })
  const service = await startService('first-use', (options) => {
    const guard = createGuard(options)
    return express()
      .use(guard(verifySignature({ keys: stage.keys() }), preventReplay({ store: remember() })))
      .get('/orders', (_req, res) => void res.send('orders'))
      .post('/refunds', guard(requireCapability('refunds:create')), (_req, res) => void res.send('refunded'))
  })
  return {
    alert: 'CountermarkNewCapabilityUsed',
    how: 'an agent uses `refunds:create` for the first time',
    service,
    traffic: () => service.call(agent),
    bring: () => service.call(agent, { method: 'POST', url: `${ORIGIN}/refunds` }),
    ending: { lingers: 'fires for 10 min' },
  }
}

/** The tables are real but for one word: they refuse what they should accept. */
async function drillTables(stage: Stage): Promise<Drill> {
  const agent = await stage.agent('agt_regular')
  const engine = { ...createTableEngine(), verify: () => false }
  const verifier = createTablesVerifier({ after: 1, shadowEvery: 1, onDifference: () => undefined }, engine)
  const service = await startService('wrong-tables', (options) =>
    express()
      .use(
        createGuard({ ...options, verifier })(
          verifySignature({ keys: stage.keys() }),
          preventReplay({ store: remember() }),
        ),
      )
      .get('/orders', (_req, res) => void res.send('orders')),
  )
  return {
    alert: 'CountermarkVerifierDiffers',
    how: 'a table that refuses a good signature; two requests of one agent',
    service,
    bring: async () => {
      await service.call(agent)
      await service.call(agent)
    },
    ending: { lingers: 'until the process ends' },
  }
}
