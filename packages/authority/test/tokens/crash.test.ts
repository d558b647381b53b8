import { createPrivateKey, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  createFakeClock,
  createTempFolder,
  createTestAgent,
  findFreePort,
  type StartedProgram,
  startProgram,
  type TempFolder,
  type TestAgent,
} from '@countermark/testing'
import { createCaller } from '../authority-world.ts'
import { describeStores, type StorePlace } from '../stores.ts'
import { assertionOf, claimsOf, type KnownAgent } from './running-authority.ts'

const CLIENTS = 6
const KILLED_AFTER = 40

/** A token that was answered, and the assertion that it was asked for with. */
interface Accepted {
  readonly tokenId: string
  readonly form: string
}

describeStores((createPlace) => {
  let place: StorePlace
  let folder: TempFolder
  let port: number
  let admin: TestAgent

  beforeAll(async () => {
    place = await createPlace()
    folder = await createTempFolder()
    port = await findFreePort()
    admin = await createTestAgent({ agentId: 'agt_admin' })
  }, 60_000)
  afterAll(async () => {
    await folder.remove()
    await place.remove()
  })

  const start = (): Promise<StartedProgram> =>
    startProgram({
      command: process.execPath,
      arguments: [
        ...['--import', 'tsx', '--conditions=@countermark/source', 'packages/authority/test/crash-server.ts'],
        ...[place.address, `${folder.path}/audit.ndjson`, JSON.stringify(admin.publishedJwk), String(port)],
      ],
      ready: /port \d+/,
      timeoutMs: 90_000,
    })

  async function enrol(): Promise<KnownAgent> {
    const call = createCaller(port)
    await call('POST', '/tenants', { by: admin, body: { id: 'acme', name: 'Acme' } })
    await call('POST', '/tenants/acme/people', { by: admin, body: { id: 'jane', name: 'Jane', ceiling: ['orders:*'] } })
    const body = { tenant: 'acme', id: 'agt_a', name: 'A', purpose: 'p', owners: ['jane'], ceiling: ['orders:*'] }
    await call('POST', '/agents', { by: admin, body })
    const { body: issued } = await call('POST', '/agents/agt_a/enrolment-codes', { by: admin, body: {} })
    const agent = await createTestAgent({ agentId: 'agt_a' })
    await call('POST', '/enrolments', { by: agent, body: { code: issued.code, key: agent.publicJwk } })
    return { id: 'agt_a', agent, privateKey: createPrivateKey({ key: { ...agent.privateJwk }, format: 'jwk' }) }
  }

  const ask = (form: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', body: new URLSearchParams(form) })

  async function tokenOf(form: string): Promise<unknown> {
    const body: unknown = await (await ask(form)).json()
    return Object(body).access_token
  }

  function formOf(known: KnownAgent): string {
    const jti = randomBytes(12).toString('hex')
    const assertion = assertionOf(known, `http://127.0.0.1:${port}`, createFakeClock(Date.now()), { jti })
    const form = { grant_type: 'client_credentials', scope: 'orders:read', resource: 'https://api.test', ...assertion }
    return new URLSearchParams(
      Object.entries(form).map(([name, value]): [string, string] => [name, String(value)]),
    ).toString()
  }

  /** Asks from several clients at once until the authority is gone. */
  async function askUntilKilled(known: KnownAgent, kill: () => void): Promise<readonly Accepted[]> {
    const accepted: Accepted[] = []
    const client = async (): Promise<void> => {
      for (;;) {
        const form = formOf(known)
        const token = await tokenOf(form).catch(() => undefined)
        if (token === undefined) return
        accepted.push({ tokenId: String(claimsOf(token)['jti']), form })
        if (accepted.length === KILLED_AFTER) kill()
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, client))
    return accepted
  }

  it('loses no token that was answered when the authority is killed, and takes no assertion twice', async () => {
    const first = await start()
    const known = await enrol()
    const accepted = await askUntilKilled(known, () => first.signal('SIGKILL'))
    expect(await first.exited).toBe('SIGKILL')
    expect(accepted.length).toBeGreaterThanOrEqual(KILLED_AFTER)

    const second = await start()
    const store = place.open()
    const { reads } = store.tables<{ tokens: { token_id: string; list_id: number; list_index: number } }>()
    const rows = await reads.selectFrom('tokens').select(['token_id', 'list_id', 'list_index']).execute()
    const kept = new Set(rows.map((row) => row.token_id))
    expect(accepted.filter(({ tokenId }) => !kept.has(tokenId))).toEqual([])
    const trail = await readFile(`${folder.path}/audit.ndjson`, 'utf8')
    expect(accepted.filter(({ tokenId }) => !trail.includes(`"${tokenId}"`))).toEqual([])
    expect(new Set(accepted.map(({ tokenId }) => tokenId)).size).toBe(accepted.length)
    const again = await Promise.all(accepted.map(async ({ form }) => (await ask(form)).status))
    expect(new Set(again)).toEqual(new Set([401]))

    const { status } = claimsOf(await tokenOf(formOf(known)))
    const { idx, uri } = Object(Object(status).status_list)
    const places = new Set(rows.map((row) => `${row.list_id} ${row.list_index}`))
    expect(uri).toMatch(/\/status\/\d+$/)
    expect(places.has(`${String(uri).split('/').at(-1)} ${idx}`)).toBe(false)
    await store.close()
    await second.stop()
  }, 240_000)
})
