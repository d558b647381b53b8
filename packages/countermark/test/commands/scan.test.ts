import { staticKeys } from '@countermark/keys'
import { memoryReplayStore } from '@countermark/replay'
import { type StartedServer, startServer } from '@countermark/testing'
import express from 'express'
import { countermark } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

describe('countermark scan', () => {
  const folder = useCommandFolder()
  let server: StartedServer
  let app: express.Express

  beforeEach(async () => {
    app = express()
    server = await startServer(app)
  })
  afterEach(() => server.close())

  async function scan() {
    const { code, out } = await folder.run(['scan', `${server.origin}/orders`, '--json'])
    const findings: { rule: string; state: string; fix?: string }[] = JSON.parse(out).findings
    return { code, states: Object.fromEntries(findings.map(({ rule, state }) => [rule, state])), findings }
  }

  it('finds nothing to mend in a guarded service', async () => {
    app.use(
      countermark({ origins: [server.origin], keys: staticKeys([]), replay: memoryReplayStore({ startedAt: 0 }) }),
    )
    const { code, findings } = await scan()
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
    expect(findings).toHaveLength(11)
    expect(code).toBe(0)
  })

  it('finds that a route is not guarded', async () => {
    app.get('/orders', (_req, res) => void res.json([]))
    const { code, states, findings } = await scan()
    expect(states).toMatchObject({ 'unsigned-refused': 'failed', 'forged-refused': 'failed', metadata: 'failed' })
    expect(findings.filter(({ state, fix }) => state === 'failed' && fix === undefined)).toEqual([])
    expect(code).toBe(1)
  })

  it('finds a resource that clients do not take for this service', async () => {
    app.get(
      '/.well-known/oauth-protected-resource',
      (_req, res) => void res.json({ resource: 'https://elsewhere.example' }),
    )
    expect((await scan()).states).toMatchObject({ metadata: 'ok', 'metadata-resource': 'failed' })
  })

  it('writes nothing of a service that would steer the terminal, or the shell into which a line is copied', async () => {
    const control = String.fromCodePoint(27)
    const hostile = { resource: `${control}]0;owned${control}[2J\u202e`, code: 'config_error', request_id: '$(reboot)' }
    app.use((req, res) => {
      const isDocument = req.path.startsWith('/.well-known')
      res.status(isDocument ? 200 : 500).type(isDocument ? 'json' : 'application/problem+json')
      res.end(JSON.stringify(hostile))
    })
    await folder.run(['keygen', 'agt_7f2k9x', '--agents', 'agents.json'])
    const scanned = await folder.run(['scan', `${server.origin}/orders`])
    const called = await folder.run(['curl', `${server.origin}/orders`])
    expect(scanned.out).toContain(']0;owned')
    expect(scanned.out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(called.err).toContain('explain config_error')
    expect(called.err).not.toContain('reboot')
  })

  it('writes a table for people', async () => {
    const { out } = await folder.run(['scan', `${server.origin}/orders`])
    expect(out).toMatch(/^ok +transport +http, on this machine$/m)
    expect(out).toMatch(/^\d+ rules: \d+ failed/m)
  })
})
