import { truncateSync, unlinkSync } from 'node:fs'
import {
  appendFile,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { isMisconfigured } from '@countermark/core'
import { systemClock } from '@countermark/core/internal'
import { createFakeClock, createTempFolder, type TempFolder } from '@countermark/testing'
import { type AuditTrail, type AuditTrailOptions, auditTrail, type FileSinkOptions, fileSink } from '../src/index.ts'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { captureStandardError } from './standard-error.ts'

let folder: TempFolder
let path: string
let told: ReturnType<typeof captureStandardError>
const trails: AuditTrail[] = []
beforeEach(async () => {
  told = captureStandardError()
  folder = await createTempFolder()
  path = join(folder.path, 'audit.ndjson')
})
afterEach(async () => {
  await Promise.all(trails.splice(0).map((trail) => trail.close().catch(() => undefined)))
  await folder.remove()
  told.stop()
})

async function open(
  options: Partial<FileSinkOptions> = {},
  more: Partial<AuditTrailOptions> = {},
): Promise<AuditTrail> {
  const trail = auditTrail({ sinks: [fileSink({ path, daily: false, ...options })], deadlineMs: 20_000, ...more })
  trails.push(trail)
  await trail.ready()
  return trail
}

/** Tells an event. Answers whether a sink has taken it. */
function write(trail: AuditTrail, n: number): Promise<'taken' | 'refused'> {
  const details = { n, text: 'x'.repeat(600) }
  return trail.event({ event: 'thing_done', details }).then(
    () => 'taken',
    () => 'refused',
  )
}

/** The numbers of the events in a file, in their order. */
async function numbersIn(file: string): Promise<readonly number[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line).record.details.n).filter((n) => n !== undefined)
}

async function findingsIn(...files: readonly string[]): Promise<readonly string[]> {
  const { findings } = await verifyTrail(files, { anchors: await readAnchors([], []) })
  return findings.map(({ message }) => message)
}

async function filesIn(of: string): Promise<readonly string[]> {
  return (await readdir(of)).filter((name) => name.includes('ndjson')).sort()
}

describe('a trail whose file others move', () => {
  it('goes on in the new one (logrotate: create)', async () => {
    const trail = await open()
    await write(trail, 1)
    await rename(path, `${path}.1`)
    await writeFile(path, '', { mode: 0o600 })
    expect(await write(trail, 2)).toBe('taken')
    expect([await numbersIn(`${path}.1`), await numbersIn(path)]).toEqual([[1], [2]])
    expect(await findingsIn(`${path}.1`, path)).toEqual([])
  })

  it('makes the new one itself (logrotate: nocreate), and finishes it when it is full', async () => {
    const trail = await open({ maxBytes: 4096 })
    await write(trail, 1)
    await rename(path, `${path}.1`)
    for (let n = 2; n < 14; n++) expect(await write(trail, n)).toBe('taken')
    const files = (await filesIn(folder.path)).filter((name) => !name.endsWith('.lock'))
    expect(files.length).toBeGreaterThan(3)
    expect(await findingsIn(...files.map((name) => join(folder.path, name)))).toEqual([])
  })

  it('loses nothing between copying and cutting (logrotate: copytruncate)', async () => {
    const trail = await open()
    await write(trail, 1)
    await copyFile(path, `${path}.1`)
    await write(trail, 2)
    await truncate(path)
    await write(trail, 3)
    expect([await numbersIn(`${path}.1`), await numbersIn(path)]).toEqual([[1], [2, 3]])
    expect(await findingsIn(`${path}.1`, path)).toEqual([])
    expect(told.stop()).toEqual([expect.stringContaining(`${path} was shortened by another program`)])
  })

  it('loses nothing when it is cut while it is written, or before it is closed', async () => {
    let isArmed = false
    const clock = {
      ...systemClock,
      wallMs: () => {
        if (isArmed) truncateSync(path)
        isArmed = false
        return systemClock.wallMs()
      },
    }
    const sink = fileSink({ path, clock })
    const trail = auditTrail({ sinks: [sink], deadlineMs: 20_000 })
    await write(trail, 1)
    await copyFile(path, `${path}.1`)
    await write(trail, 2)
    isArmed = true
    await write(trail, 3)
    await trail.close()
    expect([await numbersIn(`${path}.1`), await numbersIn(path)]).toEqual([[1], [2, 3]])
  })

  it('writes what it wrote last once more into a file that was emptied', async () => {
    const trail = await open()
    for (const n of [1, 2]) await write(trail, n)
    await truncate(path)
    await write(trail, 3)
    expect(await numbersIn(path)).toEqual([1, 2, 3])
    expect(await findingsIn(path)).toEqual([])
  })

  it('begins another one when it was removed, and says that records are gone', async () => {
    const trail = await open()
    await write(trail, 1)
    await unlink(path)
    expect([await write(trail, 2), await numbersIn(path)]).toEqual(['taken', [2]])
    expect(told.stop()).toEqual([expect.stringContaining(`${path} was removed with the records in it`)])
  })

  it('answers for no record in a file that is removed while it is written', async () => {
    let isArmed = false
    const clock = {
      ...systemClock,
      wallMs: () => {
        if (isArmed) unlinkSync(path)
        isArmed = false
        return systemClock.wallMs()
      },
    }
    const trail = await open({ clock, daily: true })
    await write(trail, 1)
    isArmed = true
    expect([await write(trail, 2), await numbersIn(path)]).toEqual(['taken', [2]])
  })
})

describe('a trail behind a symbolic link', () => {
  it('keeps full files and its lock where the file is', async () => {
    const volume = await createTempFolder()
    await symlink(join(volume.path, 'audit.ndjson'), path)
    const trail = await open({ maxBytes: 4096 })
    for (let n = 0; n < 9; n++) await write(trail, n)
    expect(await filesIn(folder.path)).toEqual(['audit.ndjson'])
    expect(await filesIn(volume.path)).toContain('audit.ndjson.lock')
    expect((await filesIn(volume.path)).length).toBeGreaterThan(3)
    await trail.close()
    await volume.remove()
  })

  it('follows the link when it leads elsewhere', async () => {
    const [one, other] = [join(folder.path, 'one'), join(folder.path, 'other')]
    for (const each of [one, other]) await mkdir(each)
    await symlink(join(one, 'audit.ndjson'), path)
    const trail = await open()
    await write(trail, 1)
    await symlink(join(other, 'audit.ndjson'), `${path}.new`)
    await rename(`${path}.new`, path)
    await write(trail, 2)
    expect(await numbersIn(join(other, 'audit.ndjson'))).toEqual([2])
    expect(await filesIn(one)).toEqual(['audit.ndjson'])
  })
})

describe('a trail whose full file cannot be moved aside', () => {
  it('goes on in it, says so once, and moves it as soon as it can', async () => {
    const clock = createFakeClock()
    const trail = await open({ clock, maxBytes: 4096 })
    const stamp = new Date(clock.wallMs()).toISOString().replace(/[-:.]/g, '')
    // The name is taken by a folder: the system refuses, as it does for a file that is mounted alone.
    const finished = join(folder.path, `audit.${stamp}-${(await stat(path)).ino.toString(16)}.ndjson`)
    await mkdir(finished)
    for (let n = 0; n < 9; n++) expect(await write(trail, n)).toBe('taken')
    expect(await filesIn(folder.path)).toHaveLength(3)
    await rmdir(finished)
    expect(await write(trail, 9)).toBe('taken')
    expect([await numbersIn(finished), await numbersIn(path)]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8], [9]])
    expect(told.stop()).toEqual([expect.stringContaining(`${path} is full and cannot be moved aside`)])
  })

  it('loses nothing to a listener that throws', async () => {
    const onRotated = (): void => {
      throw new Error('no room to ship it')
    }
    const trail = await open({ maxBytes: 4096, onRotated })
    for (let n = 0; n < 9; n++) expect(await write(trail, n)).toBe('taken')
    expect(told.stop()[0]).toContain('onRotated failed')
  })
})

describe('a second writer of one file', () => {
  const lockOf = async (changes: object) =>
    writeFile(`${path}.lock`, JSON.stringify({ ...JSON.parse(await readFile(`${path}.lock`, 'utf8')), ...changes }))
  const refusal = () =>
    open().then(
      () => 'accepted',
      (error) => (isMisconfigured(error) ? error.message : String(error)),
    )

  it('is refused in the same process, until the first has closed', async () => {
    const first = await open()
    expect(await refusal()).toContain(`${path} is written by process ${process.pid}, this one, already`)
    await first.close()
    expect(await refusal()).toBe('accepted')
  })

  it('is refused through a symbolic link', async () => {
    await open()
    await symlink(path, join(folder.path, 'other.ndjson'))
    path = join(folder.path, 'other.ndjson')
    expect(await refusal()).toContain('is written by process')
  })

  it.each([
    ['another host', { host: 'elsewhere' }],
    ['another container of this host', { container: 'pid:[1]' }],
    ['a host that has started anew since', { boot: 'before' }],
  ])('is refused while the lock of %s is fresh, and accepted ten seconds later', async (_where, changes) => {
    await open()
    await lockOf(changes)
    expect(await refusal()).toContain('is written by process')
    const { mtimeMs } = await stat(`${path}.lock`)
    await utimes(`${path}.lock`, mtimeMs / 1000 - 11, mtimeMs / 1000 - 11)
    expect(await refusal()).toBe('accepted')
  })

  it.each([
    ['a process that is gone', { pid: 2 ** 22 - 1 }],
    ['a process whose number another one has now', { start: '1' }],
  ])('takes over from %s at once', async (_what, changes) => {
    await open()
    await lockOf(changes)
    expect(await refusal()).toBe('accepted')
  })

  it('is refused by a lock that it cannot read, as long as that is fresh', async () => {
    await writeFile(`${path}.lock`, 'not ours')
    expect(await refusal()).toContain('is written by another writer')
    await utimes(`${path}.lock`, 1, 1)
    expect(await refusal()).toBe('accepted')
  })

  it('is refused where it cannot see the lock: one file, mounted alone in two containers', async () => {
    const elsewhere = join(folder.path, 'elsewhere')
    const first = await open({}, { clock: createFakeClock() })
    await write(first, 1)
    await mkdir(elsewhere)
    await link(path, join(elsewhere, 'audit.ndjson'))
    const second = await open({ path: join(elsewhere, 'audit.ndjson') })
    for (const n of [2, 3, 4]) {
      expect(await write(first, n)).toBe('taken')
      expect(await write(second, n * 10)).toBe('refused')
    }
    expect((await numbersIn(path)).filter((n) => n < 10)).toEqual([1, 2, 3, 4])
  })

  it('leaves nothing behind but the file', async () => {
    await (await open()).close()
    expect(await readdir(folder.path)).toEqual(['audit.ndjson'])
  })
})

describe('a file that others write into', () => {
  it('keeps its records whole: half a line is set aside', async () => {
    const trail = await open()
    await write(trail, 1)
    await appendFile(path, 'half a line')
    expect(await write(trail, 2)).toBe('taken')
    expect([await numbersIn(path), await findingsIn(path)]).toEqual([[1, 2], []])
  })
})

describe('a trail that cannot be written', () => {
  it.each([
    ['a missing folder', 'missing/audit.ndjson', 'missing is not there: create it (mkdir -p) or mount it'],
    ['a folder', 'taken', 'taken is a folder: give the path of a file in it'],
    ['a file for a folder', 'file/audit.ndjson', 'file is no folder: give the path of a file in a folder'],
  ])('says at the start how to mend %s', async (_what, name, message) => {
    await mkdir(join(folder.path, 'taken'))
    await writeFile(join(folder.path, 'file'), '')
    const error = await open({ path: join(folder.path, name) }).catch((thrown: unknown) => thrown)
    expect([isMisconfigured(error), error instanceof Error && error.message]).toEqual([
      true,
      expect.stringContaining(message),
    ])
  })

  it('says once on standard error what is wrong with which path, and when it is over', async () => {
    const clock = createFakeClock()
    const trail = auditTrail({ sinks: [fileSink({ path: join(folder.path, 'missing', 'audit.ndjson') })], clock })
    trails.push(trail)
    for (const n of [1, 2, 3]) {
      expect(await write(trail, n)).toBe('refused')
      clock.advance(200)
    }
    await mkdir(join(folder.path, 'missing'))
    expect(await write(trail, 4)).toBe('taken')
    const [first, second, ...others] = told.stop()
    expect(first).toContain(`${folder.path}/missing/audit.ndjson cannot be written: `)
    expect([second, others]).toEqual([expect.stringContaining('is written again'), []])
  })

  it('takes records again when its folder is back', async () => {
    const trail = await open()
    await write(trail, 1)
    await rename(folder.path, `${folder.path}-away`)
    expect(await write(trail, 2)).toBe('refused')
    await rename(`${folder.path}-away`, folder.path)
    await trail.flush()
    expect(await numbersIn(path)).toEqual([1, 2])
    await rm(`${folder.path}-away`, { recursive: true, force: true })
  })
})
