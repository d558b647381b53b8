import { join } from 'node:path'
import { auditTrail, fileSink } from '@countermark/audit'
import { consultPolicy, type PolicyFunction } from '@countermark/policy'
import { agentKeyOf, createTestAgent, rawRequest, sendRaw, startServer } from '@countermark/testing'
import express from 'express'
import { countermark } from '../../src/express.ts'
import { useCommandFolder } from './run-in-folder.ts'

const folder = useCommandFolder()

interface Recorded {
  readonly policy?: PolicyFunction
  readonly keepQuestion?: boolean
}

/** Writes the trail of three requests: two of a reviewer, one of a buyer, who may not merge. */
async function record({
  policy = ({ action }) => action !== 'pr.merge',
  keepQuestion = true,
}: Recorded = {}): Promise<void> {
  const [reviewer, buyer] = [
    await createTestAgent({ agentId: 'agt_reviewer' }),
    await createTestAgent({ agentId: 'agt_buyer' }),
  ]
  const keys = [reviewer, buyer].map((agent) =>
    agentKeyOf(agent, { agent: { id: agent.agentId, capabilities: ['pr:write'], state: 'active' } }),
  )
  const recorder = auditTrail({ sinks: [fileSink({ path: join(folder.path, 'audit.ndjson') })] })
  const agents = countermark({
    origins: ['http://api.example.com'],
    keys: { name: 'test', findKeys: ({ agentId }) => keys.filter(({ agent }) => agent.id === agentId) },
    policy: consultPolicy(policy, { keepQuestion }),
    recorder,
  })
  const app = express().use(agents)
  app.post(
    '/pulls',
    agents.require('pr:write', {}, { policy: { action: 'pr.create' } }),
    (_req, res) => void res.json({}),
  )
  app.post(
    '/merges',
    agents.require('pr:write', {}, { policy: { action: 'pr.merge' } }),
    (_req, res) => void res.json({}),
  )
  const server = await startServer(app)
  for (const [agent, target] of [
    [reviewer, '/pulls'],
    [reviewer, '/pulls'],
    [buyer, '/merges'],
  ] as const) {
    const signed = await agent.signRequest({ method: 'POST', target, body: '{}', agentId: agent.agentId })
    await sendRaw(server.port, rawRequest(signed))
  }
  await server.close()
  await recorder.close()
}

async function plan(...args: readonly string[]) {
  const { code, out, err } = await folder.run(['plan', 'audit.ndjson', '--json', ...args])
  return { code, err, plan: out === '' ? undefined : JSON.parse(out) }
}

describe('countermark plan --policy', () => {
  it('says whom and where another policy would have refused, and whom it would have allowed', async () => {
    await record()
    folder.write('proposed.cjs', "module.exports = ({ action }) => action === 'pr.merge'")
    const found = await plan('--policy', 'proposed.cjs')
    expect(found).toMatchObject({ code: 1, plan: { decisions: 6, newlyRefused: 2, newlyAllowed: 1, cannotTell: 0 } })
    expect(found.plan.rows.slice(0, 2)).toMatchObject([
      { agent: 'agt_reviewer', route: 'POST /pulls', newlyRefused: 2, newlyAllowed: 0 },
      { agent: 'agt_buyer', route: 'POST /merges', newlyRefused: 0, newlyAllowed: 1 },
    ])
  })

  it('says that the same policy changes nothing', async () => {
    await record()
    folder.write('same.cjs', "module.exports = ({ action }) => action !== 'pr.merge'")
    expect(await plan('--policy', 'same.cjs')).toMatchObject({ code: 0, plan: { newlyRefused: 0, newlyAllowed: 0 } })
  })

  it('cannot tell where the question was not kept, or the new policy decides nothing', async () => {
    folder.write('all.cjs', 'module.exports = () => true')
    folder.write('none.cjs', 'module.exports = () => undefined')
    await record({ keepQuestion: false })
    expect((await plan('--policy', 'all.cjs')).plan).toMatchObject({
      newlyAllowed: 0,
      reasons: { question_not_kept: 3 },
    })
    expect((await plan('--policy', 'none.cjs')).plan).toMatchObject({
      newlyRefused: 0,
      reasons: { question_not_kept: 3 },
    })
  })

  it('asks what it may ask, of the last decisions', async () => {
    await record()
    folder.write('none.cjs', 'module.exports = () => undefined')
    const found = await plan('--policy', 'none.cjs', '--last', '2')
    expect(found.plan).toMatchObject({ decisions: 2, cannotTell: 1, reasons: { undecided: 1 } })
  })

  it('tells a person in a table', async () => {
    await record()
    folder.write('none.cjs', 'module.exports = () => false')
    const { out } = await folder.run(['plan', 'audit.ndjson', '--policy', 'none.cjs'])
    expect(out).toMatch(/2 newly refused, 0 newly allowed/)
    expect(out).toMatch(/agt_reviewer +POST \/pulls +2 +0/)
  })

  it.each<[string, readonly string[]]>([
    ['no change', []],
    ['two changes', ['--policy', 'a.cjs', '--agents', 'b.json']],
    ['a module that is not there', ['--policy', 'missing.cjs']],
    ['a number that is none', ['--policy', 'a.cjs', '--last', 'all']],
  ])('refuses %s', async (_what, args) => {
    folder.write('audit.ndjson', '')
    expect((await plan(...args)).code).toBe(2)
  })
})

describe('countermark plan --agents', () => {
  const agents = (...entries: readonly object[]): void => folder.write('new.json', JSON.stringify({ agents: entries }))

  it('says who would be refused for want of a scope, or would not be known', async () => {
    await record()
    agents({ id: 'agt_reviewer', keys: [], capabilities: ['repo:read'] })
    expect(await plan('--agents', 'new.json')).toMatchObject({
      code: 1,
      plan: { newlyRefused: 3, rows: [{ newlyRefused: 2 }, { newlyRefused: 1 }, {}, {}] },
    })
  })

  it('says that a wider grant changes nothing of what passed', async () => {
    await record()
    agents(...['agt_reviewer', 'agt_buyer'].map((id) => ({ id, keys: [], capabilities: ['pr:*'] })))
    expect((await plan('--agents', 'new.json')).plan).toMatchObject({ newlyRefused: 0, newlyAllowed: 0, cannotTell: 0 })
  })

  it.each<[string, object, string]>([
    ['has limits', { capabilities: ['pr:write'], constraints: { operating_hours: '9-17' } }, 'limits_not_kept'],
    ['names a role', { capabilities: ['role:reviewer'] }, 'grant_not_plain'],
  ])('cannot tell where the new grant %s', async (_what, grant, reason) => {
    await record()
    agents(...['agt_reviewer', 'agt_buyer'].map((id) => ({ id, keys: [], ...grant })))
    expect((await plan('--agents', 'new.json')).plan).toMatchObject({ newlyRefused: 0, reasons: { [reason]: 2 } })
  })
})
