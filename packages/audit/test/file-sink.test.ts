import { appendFile, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createFakeClock, createTempFolder, type TempFolder } from '@countermark/testing'
import { auditTrail, type FileSinkOptions, fileSink } from '../src/index.ts'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { describeAuditSink } from './describe-audit-sink.ts'
import { sealedRecords } from './sealed-records.ts'
import { aDecision } from './written-trail.ts'

async function linesIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ndjson')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.join('').split('\n').slice(0, -1)
}

describeAuditSink('file', { durable: true, repeated: 'kept-once' }, async () => {
  const folder = await createTempFolder()
  const clock = createFakeClock()
  const sink = fileSink({ path: join(folder.path, 'audit.ndjson'), clock })
  const away = `${folder.path}-away`
  return {
    sink,
    read: async (chain) => (await linesIn(folder.path)).filter((line) => JSON.parse(line).chain === chain),
    // The next day begins with a new file, for which there is no folder.
    breakDown: async () => {
      clock.advance(86_400_000)
      await rename(folder.path, away)
    },
    recover: () => rename(away, folder.path),
    close: async () => {
      await sink.close?.()
      await folder.remove()
    },
  }
})

describe('a file of records', () => {
  let folder: TempFolder
  let path: string
  beforeEach(async () => {
    folder = await createTempFolder()
    path = join(folder.path, 'audit.ndjson')
  })
  afterEach(() => folder.remove())

  /** One process that writes decisions and ends. */
  async function run(decisions: number, options: Partial<FileSinkOptions> = {}): Promise<void> {
    const trail = auditTrail({ sinks: [fileSink({ path, ...options })], flushMs: 0, deadlineMs: 20_000 })
    await trail.ready()
    for (let index = 0; index < decisions; index++) {
      void trail.record(aDecision())
      await trail.flush()
    }
    await trail.close()
  }

  async function findings(): Promise<readonly string[]> {
    const names = (await readdir(folder.path)).filter((name) => name.endsWith('.ndjson'))
    const report = await verifyTrail(
      names.map((name) => join(folder.path, name)),
      { anchors: await readAnchors([], []) },
    )
    return report.findings.map(({ message }) => message)
  }

  it('can be read by its owner only', async () => {
    await run(1)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it.each(['group', 'each', 'never'] as const)('verifies whatever fsync is: %s', async (fsync) => {
    await run(3, { fsync })
    expect([await findings(), (await linesIn(folder.path)).length]).toEqual([[], 4])
  })

  it('is continued by the next process, whose chain names the one before', async () => {
    await run(2)
    await run(2)
    const [, , last, started] = (await linesIn(folder.path)).map((line) => JSON.parse(line))
    expect(started.record.details.follows).toEqual({ chain: last.chain, seq: last.seq, hash: last.hash })
    expect(await findings()).toEqual([])
  })

  it('is finished when it is full; the chain goes on in the next', async () => {
    const finished: string[] = []
    await run(20, { maxBytes: 4096, onRotated: (name) => void finished.push(name) })
    expect(finished.length).toBeGreaterThan(2)
    expect([await findings(), (await linesIn(folder.path)).length]).toEqual([[], 21])
  })

  it('is finished when its day is over', async () => {
    const clock = createFakeClock()
    const finished: string[] = []
    const sink = fileSink({ path, clock, onRotated: (name) => void finished.push(name) })
    const [first, second, third] = sealedRecords({ chain: 'c', count: 3 })
    for (const record of [first, second]) if (record !== undefined) await sink.append([record])
    clock.advance(86_400_000)
    if (third !== undefined) await sink.append([third])
    await sink.close?.()
    expect([finished.length, (await readFile(path, 'utf8')).split('\n').length - 1]).toEqual([1, 1])
  })

  it.each([
    ['half a line', '{"chain":"2026'],
    ['a page of zeros', '\0'.repeat(4096)],
    ['a line of zeros', `${'\0'.repeat(100)}\n`],
  ])('sets %s aside that a process left behind, and says so', async (_what, rest) => {
    await run(2)
    await appendFile(path, rest)
    await run(1)
    const partial = (await readdir(folder.path)).find((name) => name.endsWith('.partial')) ?? ''
    expect(await readFile(join(folder.path, partial), 'utf8')).toBe(rest)
    const started = (await linesIn(folder.path)).map((line) => JSON.parse(line).record)[3]
    expect(started).toMatchObject({ event: 'trail_started', details: { partialBytes: rest.length } })
    expect(await findings()).toEqual([])
  })

  it('is left alone when it is no trail', async () => {
    await writeFile(path, `${'something else\n'.repeat(200_000)}`)
    await expect(run(1)).rejects.toThrow('does not end in a record')
  })
})
