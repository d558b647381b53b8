import { readFile } from 'node:fs/promises'
import {
  createTempFolder,
  createTestAgent,
  requirePostgres,
  type StartedProgram,
  startPostgres,
  startProgram,
  startServer,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import { sql } from 'kysely'
import { openStore } from '../src/index.ts'
import { createCaller, createWorld } from './authority-world.ts'

const LIST = '/agents?tenant=acme&limit=200'

type Call = ReturnType<typeof createCaller>

async function prepare(call: Call, by: TestAgent): Promise<void> {
  await call('POST', '/tenants', { by, body: { id: 'acme', name: 'Acme' } })
  await call('POST', '/tenants/acme/people', { by, body: { id: 'jane', name: 'Jane', ceiling: [] } })
}

/** Registers agents from several clients at once; answers with those that were accepted. `kill` runs once so many were. */
async function registerUntil(
  call: Call,
  by: TestAgent,
  { after, kill }: { readonly after: number; readonly kill: () => void },
) {
  const accepted: string[] = []
  let next = 0
  const client = async (): Promise<void> => {
    while (next < 190) {
      const id = `agt_${next++}`
      const body = { tenant: 'acme', id, name: 'A', purpose: 'p', owners: ['jane'] }
      const answer = await call('POST', '/agents', { by, body }).catch(() => undefined)
      if (answer === undefined) return
      if (answer.status === 201 && accepted.push(id) === after) kill()
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return accepted
}

describe('an authority that is killed under load', () => {
  let folder: TempFolder
  let admin: TestAgent

  beforeAll(async () => {
    folder = await createTempFolder()
    admin = await createTestAgent({ agentId: 'agt_admin' })
  })
  afterAll(() => folder.remove())

  const start = (): Promise<StartedProgram> =>
    startProgram({
      command: process.execPath,
      arguments: [
        ...['--import', 'tsx', '--conditions=@countermark/source', 'packages/authority/test/crash-server.ts'],
        ...[`file:${folder.path}/authority.db`, `${folder.path}/audit.ndjson`, JSON.stringify(admin.publishedJwk)],
      ],
      ready: /port \d+/,
      timeoutMs: 60_000,
    })
  const callTo = (program: StartedProgram): Call => createCaller(Number(/port (\d+)/.exec(program.output())?.[1]))

  it('loses no accepted agent, and has the record of each', async () => {
    const first = await start()
    await prepare(callTo(first), admin)
    const accepted = await registerUntil(callTo(first), admin, { after: 60, kill: () => first.signal('SIGKILL') })
    expect(await first.exited).toBe('SIGKILL')
    expect(accepted.length).toBeGreaterThanOrEqual(60)

    const second = await start()
    const { body } = await callTo(second)('GET', LIST, { by: admin })
    const kept: readonly string[] = body.items.map(({ id }: { readonly id: string }) => id)
    expect(accepted.filter((id) => !kept.includes(id))).toEqual([])
    const trail = await readFile(`${folder.path}/audit.ndjson`, 'utf8')
    expect(kept.filter((id) => !trail.includes(`"agent":"${id}"`))).toEqual([])
    await second.stop()
  }, 120_000)
})

const programs = requirePostgres()
if (programs !== undefined) {
  describe('an authority whose PostgreSQL is killed under load', () => {
    it('answers storage_unavailable, loses no accepted agent, and goes on by itself', async () => {
      const database = await startPostgres(programs)
      const store = openStore(database.url)
      const world = await createWorld(store)
      const server = await startServer((req, res) => void world.authority.handle(req, res))
      const call = createCaller(server.port)
      await prepare(call, world.admin)
      const { rows } = await sql<{ readonly pid: number }>`SELECT pg_backend_pid() AS pid`.execute(store.tables().reads)
      const status = await readFile(`/proc/${rows[0]?.pid}/status`, 'utf8')
      const postmaster = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1])
      const accepted = await registerUntil(call, world.admin, {
        after: 60,
        kill: () => process.kill(postmaster, 'SIGKILL'),
      })
      expect(await call('GET', LIST, { by: world.admin })).toMatchObject({
        status: 503,
        body: { code: 'storage_unavailable' },
      })

      await database.resume()
      const { body } = await call('GET', LIST, { by: world.admin })
      const kept: readonly string[] = body.items.map(({ id }: { readonly id: string }) => id)
      expect(accepted.filter((id) => !kept.includes(id))).toEqual([])
      await server.close()
      await world.close()
      await store.close()
      await database.stop()
    }, 120_000)
  })
}
