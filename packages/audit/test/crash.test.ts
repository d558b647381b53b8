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
import { readAnchors, verifyTrail } from '../src/index.ts'
import { readRecords } from './audited-app.ts'

const ARGUMENTS = ['--import', 'tsx', '--conditions=@countermark/source', join(__dirname, 'crash-server.ts')]

describe('a process that is killed under load', () => {
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
      arguments: [...ARGUMENTS, path, key],
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
