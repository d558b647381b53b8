import { symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditTrail, auditTrail, fileSink } from '@countermark/audit'
import { createGuard } from '@countermark/express'
import { memoryReplayStore, preventReplay } from '@countermark/replay'
import { verifySignature } from '@countermark/signature'
import { createTempFolder } from '@countermark/testing'
import express from 'express'
import { type Drill, type DrillSet, FIVE_MINUTES } from './drill.ts'
import { type GuardedService, startService } from './guarded-service.ts'
import type { Stage } from './stage.ts'

/** What becomes of the audit trail when a disk is full: one of two, and the only one. */
export async function createAuditDrills(stage: Stage): Promise<DrillSet> {
  const sets = await Promise.all([drillSpareSink(stage), drillOnlySink(stage)])
  return {
    drills: sets.flatMap(({ drills }) => drills),
    close: () => Promise.all(sets.map(({ close }) => close())),
  }
}

/** Where every write fails for want of space. */
const FULL = '/dev/full'

function startOrders(job: string, stage: Stage, trail: AuditTrail): Promise<GuardedService> {
  return startService(job, (options) => {
    const store = memoryReplayStore({ allowSingleProcess: true })
    return express()
      .use(
        createGuard({ ...options, recorder: trail })(verifySignature({ keys: stage.keys() }), preventReplay({ store })),
      )
      .all('/orders', (_req, res) => void res.send('orders'))
  })
}

async function drillSpareSink(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_recorded_once')
  const folder = await createTempFolder()
  const path = join(folder.path, 'spare.ndjson')
  symlinkSync(FULL, path)
  const sinks = [fileSink({ path: join(folder.path, 'audit.ndjson') }), { ...fileSink({ path }), name: 'spare' }]
  const trail = auditTrail({ sinks, deadlineMs: 10_000 })
  const service = await startOrders('spare-sink-full', stage, trail)
  const drill: Drill = {
    alert: 'CountermarkAuditSinkFailing',
    how: 'the second of two audit files lies on a full disk (`/dev/full`); ended by room',
    service,
    bring: () => service.call(agent, { method: 'POST' }),
    ending: { end: async () => unlinkSync(path) },
  }
  const close = async (): Promise<void> => {
    await service.close()
    await trail.close().catch(() => undefined)
    await folder.remove()
  }
  return { drills: [drill], close }
}

async function drillOnlySink(stage: Stage): Promise<DrillSet> {
  const agent = await stage.agent('agt_unrecorded')
  const trail = auditTrail({ sinks: [fileSink({ path: FULL })], deadlineMs: 10_000 })
  const service = await startOrders('only-sink-full', stage, trail)
  const drill: Drill = {
    alert: 'CountermarkAuditUnavailable',
    how: 'the only audit file lies on a full disk; one POST',
    service,
    bring: () => service.call(agent, { method: 'POST' }),
    ending: FIVE_MINUTES,
  }
  const close = async (): Promise<void> => {
    await service.close()
    // Nothing of it could be written, which is what it is here for.
    await trail.close().catch(() => undefined)
  }
  return { drills: [drill], close }
}
