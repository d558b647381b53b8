import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createFakeClock, createRecordingObserver, createTempFolder } from '@countermark/testing'
import { auditTrail, type CheckpointAnchor, fileAnchor } from '../src/index.ts'
import type { AuditSink } from '../src/sinks.ts'
import { type Checkpoint, isSignedBy } from '../src/trail/checkpoint.ts'
import { captureStandardError } from './standard-error.ts'
import { aDecision } from './written-trail.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const sink: AuditSink = { name: 'test', durable: true, append: async () => {} }

function anchorOf(published: Checkpoint[]): CheckpointAnchor {
  return { name: 'test', publish: async (checkpoint) => void published.push(checkpoint) }
}

describe('checkpoints', () => {
  it('are signed every so many records, and when the trail is flushed', async () => {
    const published: Checkpoint[] = []
    const trail = auditTrail({
      sinks: [sink],
      checkpoints: { key: privateKey, anchors: [anchorOf(published)], everyRecords: 2 },
    })
    for (let index = 0; index < 4; index++) {
      void trail.record(aDecision())
      await trail.flush()
    }
    await trail.close()
    expect(published.map(({ seq }) => seq)).toEqual([2, 3, 4, 5])
    expect(published.every((checkpoint) => isSignedBy(checkpoint, createPublicKey(privateKey)))).toBe(true)
  })

  it('are signed after a while, by the clock', async () => {
    const published: Checkpoint[] = []
    const clock = createFakeClock()
    const checkpoints = { key: privateKey, anchors: [anchorOf(published)], everySeconds: 10 }
    const trail = auditTrail({ sinks: [sink], checkpoints, clock, flushMs: 0 })
    await trail.event({ event: 'one' })
    clock.advance(11_000)
    await trail.event({ event: 'two' })
    expect(published.map(({ seq }) => seq)).toEqual([3])
    await trail.close()
  })

  it('do not hold for another statement', async () => {
    const published: Checkpoint[] = []
    const trail = auditTrail({ sinks: [sink], checkpoints: { key: privateKey, anchors: [anchorOf(published)] } })
    await trail.event({ event: 'one' })
    await trail.close()
    const [checkpoint] = published
    const key = createPublicKey(privateKey)
    expect(checkpoint && isSignedBy({ ...checkpoint, seq: checkpoint.seq - 1 }, key)).toBe(false)
  })

  it('that cannot be published are counted, and their age is told', async () => {
    const observer = createRecordingObserver()
    const clock = createFakeClock()
    const anchor: CheckpointAnchor = { name: 'test', publish: () => Promise.reject(new Error('EIO')) }
    const trail = auditTrail({
      sinks: [sink],
      checkpoints: { key: privateKey, anchors: [anchor], everySeconds: 5 },
      clock,
    })
    trail.reportTo?.(observer.measured)
    await trail.event({ event: 'one' })
    clock.advance(7000)
    await trail.event({ event: 'two' })
    await expect(trail.flush()).rejects.toThrow('EIO')
    const age = observer.measurements.find(({ name, value }) => name === 'audit_checkpoint_age_seconds' && value === 7)
    expect([age?.kind, observer.total('audit_checkpoints_total', { result: 'failed' })]).toEqual(['gauge', 2])
    await expect(trail.close()).rejects.toThrow('EIO')
  })

  it('whose folder is missing say what to do, once, and when they are written again', async () => {
    const told = captureStandardError()
    const folder = await createTempFolder()
    const path = join(folder.path, 'missing', 'checkpoints')
    const checkpoints = { key: privateKey, anchors: [fileAnchor({ path })] }
    const trail = auditTrail({ sinks: [sink], checkpoints })
    void trail.record(aDecision())
    const failure = expect.objectContaining({ code: 'ERR_OPTION_INVALID' })
    await expect(trail.flush()).rejects.toEqual(failure)
    await expect(trail.flush()).rejects.toEqual(failure)
    await mkdir(join(folder.path, 'missing'))
    await trail.close()
    const [first, second, ...others] = told.stop()
    expect(first).toContain('a checkpoint cannot be written: fileAnchor.path: the folder ')
    expect([second, others]).toEqual([expect.stringContaining('a checkpoint is written again'), []])
    await folder.remove()
  })
})
