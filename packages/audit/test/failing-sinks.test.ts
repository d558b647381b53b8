import { symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createFakeClock, createRecordingObserver, createTempFolder, type RawResponse } from '@countermark/testing'
import { fileSink } from '../src/index.ts'
import type { AuditSink, SealedRecord } from '../src/sinks.ts'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { type AuditedApp, FRAMEWORKS, readRecords, startAuditedApp } from './audited-app.ts'

const post = (app: AuditedApp): Promise<RawResponse> =>
  app.send({ url: 'https://api.example.com/orders/7', method: 'POST' })
const get = (app: AuditedApp): Promise<RawResponse> => app.send({ url: 'https://api.example.com/orders/7' })
const codeOf = ({ text }: RawResponse): unknown => JSON.parse(text).code

/** A sink that does as it is told. */
function aSink(append: (records: readonly SealedRecord[]) => Promise<void>): AuditSink {
  return { name: 'test', durable: true, append }
}

describe.each(FRAMEWORKS)('what %s answers while records cannot be written', (framework) => {
  const apps: AuditedApp[] = []
  const start: typeof startAuditedApp = async (input) => {
    const app = await startAuditedApp({ framework, ...input })
    apps.push(app)
    return app
  }
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())))

  it('a full disk refuses what changes something, lets the rest pass, and is over when there is room', async () => {
    const folder = await createTempFolder()
    const path = join(folder.path, 'audit.ndjson')
    await symlink('/dev/full', path)
    const clock = createFakeClock()
    const app = await start({ trail: { sinks: [fileSink({ path, daily: false })], clock } })
    expect([codeOf(await post(app)), (await get(app)).status, codeOf(await post(app))]).toEqual([
      'audit_unavailable',
      201,
      'audit_unavailable',
    ])
    await unlink(path)
    await writeFile(path, '')
    clock.advance(200)
    expect((await post(app)).status).toBe(201)
    await app.trail.flush()
    const kept = (await readRecords(path)).map(({ record }) => record)
    expect(kept.filter(({ type }) => type === 'decision')).toHaveLength(4)
    expect((await verifyTrail([path], { anchors: await readAnchors([], []) })).findingCount).toBe(0)
    await folder.remove()
  })

  it('tells of an unsafe request that it refused for that reason', async () => {
    let isBroken = true
    const kept: SealedRecord[] = []
    const clock = createFakeClock()
    const sink = aSink(async (records) => {
      if (isBroken) throw new Error('EIO')
      kept.push(...records)
    })
    const app = await start({ trail: { sinks: [sink], clock } })
    expect([codeOf(await post(app)), codeOf(await post(app))]).toEqual(['audit_unavailable', 'audit_unavailable'])
    isBroken = false
    await app.trail.flush()
    const told = kept.map(({ record }) => record)
    const first = told.find(({ type }) => type === 'decision')
    expect(told).toContainEqual(
      expect.objectContaining({ event: 'decision_withheld', details: { code: 'audit_unavailable', of: first?.id } }),
    )
    expect(told).toContainEqual(
      expect.objectContaining({ decision: 'deny', code: 'audit_unavailable', check: 'recorder', status: 503 }),
    )
  })

  it('refuses safe requests too once there is no room to keep their records', async () => {
    const sink = aSink(async () => {
      throw new Error('EIO')
    })
    const app = await start({ trail: { sinks: [sink], bufferRecords: 4 } })
    const statuses: number[] = []
    for (let index = 0; index < 6; index++) statuses.push((await get(app)).status)
    expect([statuses[0], statuses.at(-1)]).toEqual([201, 503])
  })

  it('keeps room for the records of agents, however many strangers are refused, and says how many were not recorded', async () => {
    const kept: SealedRecord[] = []
    let isBroken = true
    const sink = aSink(async (records) => {
      if (isBroken) throw new Error('EIO')
      kept.push(...records)
    })
    const app = await start({ trail: { sinks: [sink], bufferRecords: 20 } })
    const unsigned = 'GET /orders/7 HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n'
    for (let index = 0; index < 30; index++) expect((await app.sendRaw(unsigned)).status).toBe(401)
    expect((await get(app)).status).toBe(201)
    isBroken = false
    await app.trail.flush().catch(() => app.trail.flush())
    await app.trail.flush()
    const records = kept.map(({ record }) => record)
    const refusals = records.filter((record) => record.type === 'decision' && record.decision === 'deny').length
    expect(records).toContainEqual(
      expect.objectContaining({ event: 'decisions_not_recorded', details: { count: 30 - refusals } }),
    )
    expect(refusals).toBeGreaterThan(0)
  })

  it('waits for a slow sink no longer than its deadline', async () => {
    const app = await start({ trail: { sinks: [aSink(() => new Promise(() => {}))], deadlineMs: 20 } })
    expect(codeOf(await post(app))).toBe('audit_unavailable')
  })

  it('does not notice a dead sink beside one that works', async () => {
    const observer = createRecordingObserver()
    const dead = aSink(async () => {
      throw new Error('ECONNREFUSED')
    })
    const kept: SealedRecord[] = []
    const alive = { ...aSink(async (records) => void kept.push(...records)), name: 'alive' }
    const app = await start({ trail: { sinks: [dead, alive] }, guard: { observers: [observer] } })
    expect([(await post(app)).status, (await post(app)).status]).toEqual([201, 201])
    expect(observer.measurements).toContainEqual(
      expect.objectContaining({ name: 'audit_sink_failing', value: 1, labels: { sink: 'test' } }),
    )
    expect(observer.total('audit_records_total', { sink: 'alive', result: 'written' })).toBe(kept.length)
  })

  it('loses nothing to a sink that fails every other time', async () => {
    const kept: SealedRecord[] = []
    let calls = 0
    const clock = createFakeClock()
    const flapping = aSink(async (records) => {
      if (calls++ % 2 === 0) throw new Error('EAGAIN')
      kept.push(...records)
    })
    const app = await start({ trail: { sinks: [flapping], clock } })
    const statuses: number[] = []
    for (let index = 0; index < 10; index++) {
      clock.advance(200)
      statuses.push((await post(app)).status)
    }
    await app.trail.flush().catch(() => app.trail.flush())
    const allowed = kept.filter(({ record }) => record.type === 'decision' && record.decision === 'allow')
    const withheld = kept.filter(({ record }) => record.type === 'event' && record.event === 'decision_withheld')
    expect(allowed.length - withheld.length).toBe(statuses.filter((status) => status === 201).length)
    expect(kept.map(({ seq }) => seq)).toEqual(kept.map((_record, index) => index + 1))
    expect(new Set(statuses)).toEqual(new Set([201, 503]))
  })
})
