import { readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { AgentFact } from '@countermark/core'
import { aRequest, createTempFolder, type TempFolder } from '@countermark/testing'
import { type AuditTrail, type AuditTrailOptions, fileSink } from '../src/index.ts'
import { createAuditTrail } from '../src/trail/audit-trail.ts'
import type { StartThread } from '../src/trail/thread/thread-line.ts'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { readRecords } from './audited-app.ts'
import { type BundledPrograms, bundlePrograms } from './bundled-thread.ts'
import { captureStandardError } from './standard-error.ts'
import { aDecision } from './written-trail.ts'

const order = (requestId: string) =>
  aDecision({ requestId, request: aRequest({ method: 'POST', target: '/orders/7' }) })
const outcomeOf = (requestId: string) => ({ requestId, status: 201, durationMs: 1.5, aborted: false })

describe('a trail that a thread of its own writes', () => {
  let programs: BundledPrograms
  let folder: TempFolder
  let path: string
  const trails: AuditTrail[] = []
  beforeAll(async () => {
    programs = await bundlePrograms()
  })
  afterAll(() => programs.remove())
  beforeEach(async () => {
    folder = await createTempFolder()
    path = join(folder.path, 'audit.ndjson')
  })
  afterEach(async () => {
    await Promise.all(trails.splice(0).map((trail) => trail.close().catch(() => undefined)))
    await folder.remove()
  })

  function start(
    options: Partial<AuditTrailOptions> = {},
    startThread: StartThread = programs.startThread,
  ): AuditTrail {
    const trail = createAuditTrail({ sinks: [fileSink({ path })], deadlineMs: 20_000, ...options }, startThread)
    trails.push(trail)
    return trail
  }

  const findings = async () => (await verifyTrail([path], { anchors: await readAnchors([], []) })).findings

  it('holds what the main thread would have written', async () => {
    const [here, there] = [start({ worker: false, sinks: [fileSink({ path: `${path}.here` })] }), start()]
    for (const trail of [here, there]) {
      const decision = aDecision({ requestId: 'r\u00fc\u20ac\ud83d\ude00' })
      void trail.record(decision)
      trail.finish?.(decision, outcomeOf(decision.requestId))
      await trail.event({ event: 'token_issued', details: { n: 1 }, private: { user: 'u\u2028' } })
      await trail.flush()
    }
    const [inPlace, inThread] = await Promise.all([readRecords(`${path}.here`), readRecords(path)])
    const comparable = (records: typeof inPlace) =>
      records.slice(1).map(({ record, private: values }) => ({
        ...{ ...record, id: record.id.split('.')[1], at: '', of: '', commitments: {}, evidence: {}, argumentHash: '' },
        values: Object.entries(values).map(([name, { value }]) => [name, value]),
      }))
    expect(comparable(inThread)).toEqual(comparable(inPlace))
    expect(await findings()).toEqual([])
    expect(programs.threads.length).toBeGreaterThan(0)
  })

  it('has an unsafe request on the disk before it is answered', async () => {
    const trail = start()
    await trail.record(order('req_1'))
    expect(await readFile(path, 'utf8')).toContain('"req_1"')
  })

  it('leaves no gap where a fact cannot be sent', async () => {
    const trail = start()
    const { facts } = aDecision()
    const agent = { ...facts.agent, scheme: 1n } as unknown as AgentFact
    void trail.record(aDecision({ facts: { ...facts, agent } }))
    void trail.record(aDecision())
    await trail.flush()
    const kept = await readRecords(path)
    expect(kept.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(kept[1]?.record).toMatchObject({ event: 'record_unwritable', details: { type: 'decision' } })
  })

  it('refuses what changes something while the disk is full, and goes on when there is room', async () => {
    await symlink('/dev/full', path)
    const trail = start({ sinks: [fileSink({ path, daily: false })] })
    await expect(trail.record(order('req_1'))).rejects.toMatchObject({ code: 'audit_unavailable' })
    expect(trail.record(aDecision({ requestId: 'req_2' }))).toBeUndefined()
    await unlink(path)
    await writeFile(path, '')
    await trail.flush().catch(() => trail.flush())
    const ids = (await readRecords(path)).flatMap(({ record }) => ('requestId' in record ? [record.requestId] : []))
    expect(ids).toEqual(['req_1', 'req_2'])
    expect(await findings()).toEqual([])
  })

  it('goes on in another thread when one dies; what waited is refused, and no record is lost or written twice', async () => {
    const told = captureStandardError()
    const trail = start()
    await trail.record(order('req_1'))
    void trail.record(aDecision({ requestId: 'req_2' }))
    const waiting = Promise.resolve(trail.record(order('req_3'))).then(
      () => 'recorded',
      () => 'refused',
    )
    await programs.threads.at(-1)?.terminate()
    const answer = await waiting
    await trail.flush().catch(() => trail.flush())
    const kept = await readRecords(path)
    const ids = kept.flatMap(({ record }) => (record.type === 'decision' ? [record.requestId] : []))
    expect([answer === 'recorded' || answer === 'refused', ids]).toEqual([true, ['req_1', 'req_2', 'req_3']])
    expect(await findings()).toEqual([])
    expect(told.stop().filter((line) => line.includes('thread that writes records ended'))).toHaveLength(1)
  })

  it('writes nothing twice that a thread had written and could no longer say', async () => {
    let isDeaf = false
    const trail = start({}, (from) => {
      const worker = programs.startThread(from)
      const listen = worker.on.bind(worker)
      const deafen = (tell: (notes: readonly object[]) => void) => (notes: readonly object[]) => {
        if (!isDeaf) tell(notes)
      }
      return Object.assign(worker, {
        on: (event: string, tell: (...heard: never[]) => void) =>
          listen(event, event === 'message' ? deafen(tell as never) : (tell as never)),
      }) as Worker
    })
    await trail.record(order('req_1'))
    isDeaf = true
    const refused = expect(trail.record(order('req_2'))).rejects.toMatchObject({ code: 'audit_unavailable' })
    while (!(await readFile(path, 'utf8')).includes('req_2')) await new Promise(setImmediate)
    const told = captureStandardError()
    await programs.threads.at(-1)?.terminate()
    isDeaf = false
    await refused
    await trail.flush().catch(() => trail.flush())
    const kept = (await readRecords(path)).map(({ record }) => record)
    expect(kept.filter(({ type }) => type === 'decision')).toHaveLength(2)
    expect(kept.at(-1)).toMatchObject({ event: 'decision_withheld' })
    expect([await findings(), told.stop()]).toEqual([[], [expect.stringContaining('thread')]])
  })

  it('refuses what a thread does not answer that hangs', async () => {
    const program = `
      const { parentPort } = require('node:worker_threads')
      parentPort.on('message', ({ call, type }) => type === 'start' && parentPort.postMessage([{ type: 'answer', call }]))
      parentPort.postMessage([{ type: 'hello' }])`
    const hanging = new Worker(program, { eval: true })
    const trail = start({ deadlineMs: 20 }, () => hanging)
    await expect(trail.record(order('req_1'))).rejects.toMatchObject({ code: 'audit_unavailable' })
    trails.pop()
    await hanging.terminate()
  })

  it('is written by the main thread where none can be started, and says so', async () => {
    const told = captureStandardError()
    const trail = start({}, () => new Worker('throw new Error("no threads here")', { eval: true }))
    await trail.record(order('req_1'))
    expect((await readRecords(path)).map(({ record }) => record.type)).toEqual(['event', 'decision'])
    expect(told.stop()).toEqual([expect.stringContaining('no thread could be started')])
  })

  it.each<[string, Partial<AuditTrailOptions>]>([
    ['it is switched off', { worker: false }],
    ['a sink is no file', { sinks: [{ name: 'test', durable: true, append: async () => {} }] }],
  ])('is written by the main thread when %s', async (_what, options) => {
    const before = programs.threads.length
    await start(options).event({ event: 'x' })
    expect(programs.threads).toHaveLength(before)
  })

  it('follows the file that stands at its path, and answers for no record in one that was removed', async () => {
    const told = captureStandardError()
    const trail = start()
    await trail.record(order('req_1'))
    await rename(path, `${path}.1`)
    await trail.record(order('req_2'))
    await unlink(path)
    await trail.record(order('req_3'))
    const [moved, kept] = await Promise.all([readFile(`${path}.1`, 'utf8'), readFile(path, 'utf8')])
    expect([moved.includes('req_1'), moved.includes('req_2'), kept.includes('req_3')]).toEqual([true, false, true])
    expect(told.stop()).toEqual([expect.stringContaining(`${path} was removed with the records in it`)])
  })

  it('tells which files are finished', async () => {
    const finished: string[] = []
    const onRotated = (name: string): void => void finished.push(name)
    const trail = start({ sinks: [fileSink({ path, maxBytes: 4096, onRotated })] })
    for (let index = 0; index < 12; index++) await trail.record(order(`req_${index}`))
    expect(finished.length).toBeGreaterThan(1)
    expect(await readFile(finished[0] ?? '', 'utf8')).toContain('"trail_started"')
  })
})
