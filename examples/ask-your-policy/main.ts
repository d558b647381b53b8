import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createAgentFetch, generateAgentKey, readRefusal } from '@countermark/client'
import { judgeByPolicy, planDecisions } from '@countermark/policy/plan'
import { createTempFolder, type StartedServer, startServer } from '@countermark/testing'
import { auditTrail, fileSink, staticKeys } from 'countermark/express'
import { createServer } from './server.ts'

const AGENT = 'agent-code-reviewer-01'
const { privateKey, publicJwk } = generateAgentKey()
const keys = staticKeys([{ agentId: AGENT, key: publicJwk, record: { capabilities: ['pr:write:draft'] } }])
const folder = await createTempFolder()
const audit = join(folder.path, 'audit.ndjson')
const trail = auditTrail({ sinks: [fileSink({ path: audit })] })
const host: StartedServer = await startServer(createServer(() => host.origin, keys, trail))
const agentFetch = createAgentFetch({ agentId: AGENT, key: privateKey, origins: [host.origin] })

async function expect(what: string, path: string, expected: string): Promise<unknown> {
  const response = await agentFetch(`${host.origin}${path}`, { method: 'POST', body: '{}' })
  const refusal = await readRefusal(response.clone())
  const outcome = refusal === undefined ? String(response.status) : `${response.status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(44)} ${outcome}`)
  return response.headers.get('content-type')?.includes('json') ? response.json() : undefined
}

try {
  const created = await expect('a draft in acme/api', '/repos/acme/api/pulls', '201')
  assert.deepEqual(created, { decidedBy: 'reviewers' })
  await expect('a draft in another organisation', '/repos/other/api/pulls', '403 policy_denied')
  const frozen = await expect('a draft in a frozen repository', '/repos/acme/billing/pulls', '403 policy_denied')
  assert.equal(Object(frozen).reason, 'acme/billing is frozen until Monday.')
  await expect('a release, which a person has to approve', '/repos/acme/api/releases', '403 approval_required')

  await host.close()
  await trail.close()

  // Before a change: what would it have done to what was recorded?
  const lines = createInterface({ input: createReadStream(audit) })
  const plan = await planDecisions(
    lines,
    judgeByPolicy(({ resource }) => resource['repo'] === 'acme/billing'),
  )
  assert.deepEqual([plan.newlyRefused, plan.newlyAllowed, plan.cannotTell], [1, 1, 0])
  console.log(`another policy: ${plan.newlyRefused} newly refused, ${plan.newlyAllowed} newly allowed`)
} finally {
  await folder.remove()
}
