import { auditTrail, fileSink } from '@countermark/audit'
import { type Authority, createAuthority } from '@countermark/authority'
import { fromFile } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { createTempFolder, type StartedServer, startServer, type TempFolder } from '@countermark/testing'
import { fromAuthority } from '../../src/express.ts'
import { call } from './call-authority.ts'
import { useCommandFolder } from './run-in-folder.ts'

const folder = useCommandFolder()
let place: TempFolder
let server: StartedServer
let authority: Authority
let close: () => Promise<void>

beforeEach(async () => {
  await folder.run(['keygen', 'agt_ops', '--agents', 'agents.json'])
  place = await createTempFolder()
  const trail = auditTrail({ sinks: [fileSink({ path: `${place.path}/audit.ndjson` })], worker: false })
  let handle: Authority['handle'] = async () => undefined
  server = await startServer((req, res) => void handle(req, res))
  authority = createAuthority({
    ...{ origins: [server.origin], storage: `file:${place.path}/authority.db`, trail, sourceLimit: 'off' },
    encryptionKeys: { v1: Buffer.alloc(32, 7).toString('base64') },
    administrators: ['agent:agt_ops'],
    doorTokens: ['a-token-of-doors'],
    keys: fromFile(`${folder.path}/agents.json`),
    replayStore: memoryReplayStore({ startedAt: 0, allowSingleProcess: true }),
  })
  handle = authority.handle
  await authority.ready()
  close = async () => {
    await authority.close()
    await server.close()
    await trail.close()
    await place.remove()
  }
  await call(server.origin, `${folder.path}/agent-key.pem`, 'POST', '/tenants', { id: 'acme', name: 'Acme' })
  const jane = { id: 'jane', name: 'Jane', ceiling: ['orders:*'] }
  await call(server.origin, `${folder.path}/agent-key.pem`, 'POST', '/tenants/acme/people', jane)
})
afterEach(() => close())

const run = (...args: readonly string[]) => folder.run([...args, '--authority', server.origin])

const registered = () =>
  run('agent', 'register', 'agt_a', '--tenant', 'acme', '--name', 'A', '--purpose', 'p', '--owner', 'jane')

it('registers, lists, suspends and resumes an agent', async () => {
  expect(await registered()).toMatchObject({ code: 0, out: expect.stringContaining('agt_a is registered') })
  const listed = await run('agent', 'list', '--tenant', 'acme', '--json')
  expect(JSON.parse(listed.out)).toMatchObject([{ id: 'agt_a', state: 'staged' }])
  expect(await run('agent', 'suspend', 'agt_a', '--reason', 'odd')).toMatchObject({ code: 0 })
  expect((await run('agent', 'show', 'agt_a')).out).toContain('agt_a: suspended (odd)')
  expect((await run('agent', 'resume', 'agt_a')).out).toContain('agt_a: staged')
})

it('says what the authority refused, with exit code 1', async () => {
  const { code, out } = await run('agent', 'show', 'agt_unknown')
  expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('404 not_found') })
})

it('shows who a stop would cut off, and stops nothing unless it is told to', async () => {
  await registered()
  const { code, out, err } = await run('stop', 'agent', 'agt_a', '--reason', 'stolen')
  expect({ code, out }).toEqual({ code: 2, out: expect.stringContaining('agt_a (A), owned by jane') })
  expect(err).toContain('--yes')
  expect((await run('agent', 'show', 'agt_a')).out).toContain('agt_a: staged')
})

it('stops at every door and says when the last one had it', async () => {
  await registered()
  const link = fromAuthority(server.origin, {
    ...{ door: 'shop', token: 'a-token-of-doors', allowHttp: true, allowPrivateAddresses: true },
  })
  await link.ready()
  const stopped = await run('stop', 'agent', 'agt_a', '--reason', 'stolen', '--yes')
  link.close()
  expect(stopped).toMatchObject({ code: 0, out: expect.stringMatching(/^stopped: 1 of 1 doors, \d+ ms\n$/) })
})

it('prints the request for openssl and curl, and sends nothing', async () => {
  await registered()
  const { code, out } = await run('stop', 'agent', 'agt_a', '--reason', 'stolen', '--yes', '--curl')
  expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`curl -i -X POST '${server.origin}/stops'`) })
  expect((await run('agent', 'show', 'agt_a')).out).toContain('agt_a: staged')
})

it('lists no request for approval where none waits', async () => {
  expect(await run('approvals', 'list', '--tenant', 'acme', '--json')).toMatchObject({ code: 0, out: '[]\n' })
  expect(await run('approvals', 'approve', 'apr_unknown')).toMatchObject({ code: 1 })
})

it('wants to know where the authority is', async () => {
  const { code, err } = await folder.run(['agent', 'show', 'agt_a'])
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('--authority') })
})

it('refuses a command that is none inside of another one', async () => {
  expect(await folder.run(['agent', 'delete', 'agt_a'])).toMatchObject({ code: 2 })
})
