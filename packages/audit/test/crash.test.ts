import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createTempFolder,
  createTestAgent,
  rawRequest,
  type StartedProgram,
  sendRaw,
  startProgram,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import { readAnchors, verifyTrail } from '../src/verify.ts'
import { readRecords } from './audited-app.ts'
import { type BundledPrograms, bundleAlone, bundlePrograms } from './bundled-thread.ts'

let programs: BundledPrograms
beforeAll(async () => {
  programs = await bundlePrograms('crash-server', 'ending-program')
})
afterAll(() => programs.remove())

describe.each([
  ['the main thread', 'false'],
  ['a thread of its own', 'true'],
])('a process that is killed under load while %s writes', (_who, worker) => {
  let folder: TempFolder
  let path: string
  let agent: TestAgent
  beforeEach(async () => {
    folder = await createTempFolder()
    path = join(folder.path, 'audit.ndjson')
    agent = await createTestAgent({ agentId: 'agt_buyer' })
  })
  afterEach(() => folder.remove())

  function startServer(): Promise<StartedProgram> {
    const key = JSON.stringify(agent.publishedJwk)
    return startProgram({
      command: process.execPath,
      arguments: [programs.pathOf('crash-server'), path, key, worker],
      ready: /port \d+/,
      timeoutMs: 60_000,
    })
  }

  it('keeps a second process from the same file', async () => {
    const first = await startServer()
    await expect(startServer()).rejects.toThrow(`is written by process ${first.pid}`)
    await first.stop()
    await (await startServer()).stop()
  }, 120_000)

  /** Sends orders from several clients at once, until the server is gone. Answers with those that were accepted. */
  async function orderUntilKilled(server: StartedProgram, killAfter: number): Promise<ReadonlySet<string>> {
    const port = Number(/port (\d+)/.exec(server.output())?.[1])
    const accepted = new Set<string>()
    let next = 0
    const client = async (): Promise<void> => {
      while (next < 5000) {
        const order = `/orders/${createHash('sha256').update(String(next++)).digest('hex').slice(0, 12)}`
        const signed = await agent.signRequest({ url: `https://api.example.com${order}`, method: 'POST', body: '{}' })
        const response = await sendRaw(port, rawRequest(signed)).catch(() => undefined)
        if (response === undefined) return
        if (response.status === 201) accepted.add(order)
        if (accepted.size === killAfter) server.signal('SIGKILL')
      }
    }
    await Promise.all(Array.from({ length: 16 }, client))
    await server.exited
    return accepted
  }

  it('has recorded every order that it accepted, and the trail verifies after the next start', async () => {
    const accepted: string[] = []
    for (const killAfter of [40, 90, 150]) {
      accepted.push(...(await orderUntilKilled(await startServer(), killAfter)))
      // What a write leaves behind that was cut short.
      await appendFile(path, '{"chain":"20261127T2010')
    }
    const last = await startServer()
    await last.stop()
    const recorded = new Set((await readRecords(path)).map((sealed) => sealed.private['target']?.value))
    expect(accepted.length).toBeGreaterThanOrEqual(280)
    expect(accepted.filter((order) => !recorded.has(order))).toEqual([])
    const report = await verifyTrail([path], { anchors: await readAnchors([], []) })
    expect([report.findings, report.chains.length, report.halfWritten]).toEqual([[], 4, 0])
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.partial'))).toHaveLength(3)
  }, 120_000)
})

describe.each(['true', 'false'])('a process that ends (worker: %s)', (worker) => {
  let folder: TempFolder
  let path: string
  beforeEach(async () => {
    folder = await createTempFolder()
    path = join(folder.path, 'audit.ndjson')
  })
  afterEach(() => folder.remove())

  async function end(how: string): Promise<{ readonly said: string; readonly recorded: number }> {
    const said = spawnSync(process.execPath, [programs.pathOf('ending-program'), path, how, worker], {
      encoding: 'utf8',
    })
    const records = await readRecords(path).catch(() => [])
    return { said: said.stderr, recorded: records.filter(({ record }) => record.type === 'decision').length }
  }

  it('because nothing is left to do has written its records', async () => {
    expect(await end('idle')).toEqual({ said: '', recorded: 3 })
  })

  it('once its trail is closed has written its records', async () => {
    expect(await end('close')).toEqual({ said: '', recorded: 3 })
  })

  it('in the middle of its work has written its records, or says how many it loses', async () => {
    const { said, recorded } = await end('exit')
    expect([said, recorded]).toEqual(
      worker === 'true' ? ['', 3] : [expect.stringContaining('before 3 records were written'), 0],
    )
  })

  it('while its records cannot be written says which file, and how many are lost', async () => {
    path = join(folder.path, 'missing', 'audit.ndjson')
    const { said, recorded } = await end('lost')
    expect(recorded).toBe(0)
    expect(said.match(/.+/g)).toEqual([
      expect.stringContaining(`${path} cannot be written`),
      expect.stringContaining('before 3 records were written'),
    ])
  })

  it('while its records wait tries once more', async () => {
    path = join(folder.path, 'missing', 'audit.ndjson')
    expect((await end('late')).recorded).toBe(3)
  })
})

describe('a program that is bundled into one file of CommonJS', () => {
  it('writes its trail in the main thread', async () => {
    const folder = await createTempFolder()
    const path = join(folder.path, 'audit.ndjson')
    const program = await bundleAlone('ending-program', folder.path)
    const { stderr } = spawnSync(process.execPath, [program, path, 'close', 'true'], { encoding: 'utf8' })
    expect([stderr, (await readRecords(path)).length]).toEqual(['', 4])
    await folder.remove()
  })
})
