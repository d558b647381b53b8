import { appendFileSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { createFakeClock } from '@countermark/testing'
import { Kysely, SqliteDialect } from 'kysely'
import Database from 'libsql'
import { type AuditEvent, type AuditTrail, auditTrail, dataClasses, fileSink } from '../src/index.ts'
import { sqlSink, sqlStore } from '../src/sql.ts'
import { splitRanges } from '../src/verify/seq-ranges.ts'
import { eraseSubject, fileStore, pruneRecords, readAnchors, type TrailReport, verifyTrail } from '../src/verify.ts'
import { aDecision, type WrittenTrail, writeTrail } from './written-trail.ts'

const DAY_MS = 86_400_000
const START_MS = 1_767_225_600_000

const trails: WrittenTrail[] = []
afterEach(() => Promise.all(trails.splice(0).map((trail) => trail.remove())))

async function written(decisions: number): Promise<WrittenTrail> {
  const dataClass = dataClasses({ '/orders/*': 'order' })
  const trail = await writeTrail({ decisions, trail: { dataClass, clock: createFakeClock(START_MS) } })
  trails.push(trail)
  return trail
}

/** A trail that goes on in the same file, for the events of maintenance; they are anchored. */
async function maintain<T>({ path, checkpoints }: WrittenTrail, work: (trail: AuditTrail) => Promise<T>): Promise<T> {
  const trail = auditTrail({
    sinks: [fileSink({ path, fsync: 'never', daily: false })],
    checkpoints: checkpoints(),
    clock: createFakeClock(START_MS + 400 * DAY_MS),
  })
  await trail.ready()
  try {
    return await work(trail)
  } finally {
    await trail.close()
  }
}

async function verify({ path, checkpointPath, publicKey }: WrittenTrail): Promise<TrailReport> {
  return verifyTrail([path], { anchors: await readAnchors([checkpointPath], [publicKey]) })
}

/** Erases, with the event in the same file; answers with the events too. */
async function eraseAndKeep(trail: WrittenTrail, subject: string) {
  const events: AuditEvent[] = []
  const erased = await eraseSubject(fileStore([trail.path]), {
    subject,
    record: async (event) => {
      events.push(event)
      await maintain(trail, (maintenance) => maintenance.event(event))
    },
  })
  return { erased, events }
}

describe('erasure', () => {
  const erase = (trail: WrittenTrail, subject: string) => eraseAndKeep(trail, subject)

  it('that no event names is taken for tampering', async () => {
    const trail = await written(3)
    await eraseSubject(fileStore([trail.path]), { subject: 'user_17', record: async () => undefined })
    const { findings } = await verify(trail)
    expect(findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^values of records 2 to 4 of chain .* were taken away, and no event names this$/),
    ])
  })

  it('removes what is about a person, and every chain verifies as before', async () => {
    const trail = await written(5)
    const before = await readFile(trail.path, 'utf8')
    expect(before).toContain('user_17')
    const { erased } = await erase(trail, 'user_17')
    expect(erased.records).toBe(5)
    const after = await readFile(trail.path, 'utf8')
    expect(after).not.toMatch(/user_17|limit=10|"salt"/)
    expect(await verify(trail)).toMatchObject({ findingCount: 0, findings: [] })
  })

  it('leaves everybody else alone, and files that need no change untouched', async () => {
    const trail = await written(3)
    const { mtimeMs, ino } = await stat(trail.path)
    await eraseSubject(fileStore([trail.path]), { subject: 'user_18', record: async () => undefined })
    expect(await stat(trail.path)).toMatchObject({ mtimeMs, ino })
  })

  it('forgets somebody who only stands in a chain of actors', async () => {
    const trail = await written(2)
    await erase(trail, 'agt_planner')
    const text = await readFile(trail.path, 'utf8')
    expect(text).not.toContain('agt_planner')
    expect(text).toContain('user_17')
    expect((await verify(trail)).findingCount).toBe(0)
  })

  it('is recorded with its places, and without the person', async () => {
    const trail = await written(3)
    const { events } = await erase(trail, 'user_17')
    expect(events).toEqual([{ event: 'records_erased', details: { records: 3, ranges: expect.any(Object) } }])
    expect(Object.values(Object(events[0]?.details?.['ranges']))).toEqual([[[2, 4]]])
    expect(JSON.stringify(events)).not.toContain('user_17')
  })

  it('goes on in the same file with an event that verifies', async () => {
    const trail = await written(3)
    await eraseSubject(fileStore([trail.path]), {
      subject: 'user_17',
      record: (event) => maintain(trail, (maintenance) => maintenance.event(event)),
    })
    expect(await readFile(trail.path, 'utf8')).toContain('"event":"records_erased"')
    expect(await verify(trail)).toMatchObject({ findingCount: 0, erased: expect.any(Number) })
  })
})

describe('pruning', () => {
  const prune = (trail: WrittenTrail, keepDays: Readonly<Record<string, number>>, days: number) =>
    pruneRecords(fileStore([trail.path]), {
      keepDays,
      clock: createFakeClock(START_MS + days * DAY_MS),
      record: (event) => maintain(trail, (maintenance) => maintenance.event(event)),
    })

  it('leaves places of what is past its time, and every chain verifies as before', async () => {
    const trail = await written(4)
    expect(await prune(trail, { order: 30 }, 31)).toMatchObject({ records: 4 })
    expect(await readFile(trail.path, 'utf8')).not.toMatch(/user_17|agt_buyer/)
    expect(await verify(trail)).toMatchObject({ findingCount: 0, findings: [], pruned: 4 })
  })

  it('keeps what is not over, has no row, or says how the trail went on', async () => {
    const trail = await written(2)
    expect(await prune(trail, { order: 30 }, 29)).toMatchObject({ records: 0 })
    expect(await prune(trail, { phi: 1 }, 400)).toMatchObject({ records: 0 })
    expect(await prune(trail, { '*': 1, event: 1 }, 400)).toMatchObject({ records: 2 })
    expect(await readFile(trail.path, 'utf8')).toContain('trail_started')
  })

  it('is found out when no event names it', async () => {
    const trail = await written(3)
    await pruneRecords(fileStore([trail.path]), {
      keepDays: { order: 1 },
      clock: createFakeClock(START_MS + 9 * DAY_MS),
      record: async () => undefined,
    })
    const { findings } = await verify(trail)
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'missing', message: expect.stringContaining('no event names this') }),
    ])
  })

  it('is found out when more was taken than was named', async () => {
    const trail = await written(3)
    await prune(trail, { order: 30 }, 31)
    const lines = (await readFile(trail.path, 'utf8')).split('\n')
    const forged = lines.map((line) =>
      line.includes('"content"') ? line.replace(/"content":"./, '"content":"!') : line,
    )
    await writeFile(trail.path, forged.join('\n'))
    expect((await verify(trail)).findingCount).toBeGreaterThan(0)
  })

  it.each<[string, object]>([
    ['ERR_OPTION_MISSING', {}],
    ['ERR_OPTION_INVALID', { phi: 0 }],
    ['ERR_OPTION_INVALID', { phi: '1y' }],
  ])('does not start: %s', async (code, keepDays) => {
    const pruning = pruneRecords(fileStore([]), { keepDays: keepDays as never, record: async () => undefined })
    await expect(pruning).rejects.toMatchObject({ code })
  })
})

describe('erasing', () => {
  it.each<[string, object]>([
    ['ERR_OPTION_MISSING', { subject: '' }],
    ['ERR_OPTION_MISSING', { subject: 'user_17', record: undefined }],
    ['ERR_OPTION_INVALID', { subject: 'user_17', pseudonymKey: 'short' }],
    ['ERR_OPTION_UNKNOWN', { subject: 'user_17', user: 'user_17' }],
  ])('does not start: %s', async (code, options) => {
    const given = { subject: undefined as never, record: async () => undefined, ...options }
    await expect(eraseSubject(fileStore([]), given)).rejects.toMatchObject({ code })
  })

  it('takes no store with an option that is unknown', () => {
    const code = 'ERR_OPTION_UNKNOWN'
    expect(() => fileStore([], { anchor: undefined } as object)).toThrow(expect.objectContaining({ code }))
  })
})

describe('a file that is being written', () => {
  it('is not rewritten', async () => {
    const trail = await written(2)
    const changing = fileStore([trail.path]).change((sealed) => {
      appendFileSync(trail.path, 'more\n')
      return { ...sealed, private: {} }
    })
    await expect(changing).rejects.toThrow('is being written')
    expect(await readFile(trail.path, 'utf8')).toContain('user_17')
  })
})

describe('a trail in a database', () => {
  it('is erased and pruned while it goes on, and verifies', async () => {
    const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database: new Database(':memory:') }) })
    const sink = sqlSink({ db })
    const clock = createFakeClock(START_MS)
    const trail = auditTrail({ sinks: [sink], flushMs: 0, clock, dataClass: dataClasses({ '/orders/*': 'order' }) })
    await trail.ready()
    for (let index = 0; index < 300; index++) void trail.record(aDecision({ requestId: `req_${index}` }))
    await trail.flush()
    expect(await eraseSubject(sqlStore({ db }), { subject: 'user_17', record: trail.event })).toMatchObject({
      records: 300,
    })
    clock.advance(40 * DAY_MS)
    const pruned = await pruneRecords(sqlStore({ db }), { keepDays: { order: 30 }, clock, record: trail.event })
    expect(pruned.records).toBe(300)
    await trail.flush()
    const [chain = ''] = await sink.chains()
    const lines: string[] = []
    for await (const line of sink.read(chain)) lines.push(line)
    const { path, remove } = await written(0)
    await writeFile(path, lines.map((line) => `${line}\n`).join(''))
    expect(await verifyTrail([path], { anchors: await readAnchors([], []) })).toMatchObject({
      findingCount: 0,
      pruned: 300,
      records: 303,
    })
    expect(lines.join('')).not.toContain('user_17')
    await trail.close()
    await db.destroy()
    await remove()
  })
})

describe('ranges', () => {
  it('are split into parts that each fit an event, and none is lost', () => {
    const ranges = {
      a: [
        [1, 2],
        [4, 4],
        [6, 9],
      ],
      b: [[1, 1]],
    } as const
    expect(splitRanges(ranges, 2)).toEqual([
      {
        a: [
          [1, 2],
          [4, 4],
        ],
      },
      { a: [[6, 9]], b: [[1, 1]] },
    ])
    expect(splitRanges({})).toEqual([{}])
  })
})
