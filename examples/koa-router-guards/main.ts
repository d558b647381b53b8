import assert from 'node:assert/strict'
import { createAgentFetch, generateAgentKey, readRefusal } from '@countermark/client'
import { staticKeys } from '@countermark/keys'
import { type StartedServer, startServer } from '@countermark/testing'
import { createServer } from './server.ts'

// What a registry holds: who, which key, what it may do.
const reviewer = registered('agent-code-reviewer-01', ['repo:read', 'pr:write:draft'])
const releaser = registered('agent-release-01', ['repo:read', 'pr:write', 'pr:merge', 'repo:website:push'])
const newcomer = registered('agent-newcomer-01', [])

const forge: StartedServer = await startServer(
  createServer({
    origin: () => forge.origin,
    keys: staticKeys([reviewer, releaser, newcomer].map(({ entry }) => entry)),
  }).callback(),
)

const read = await call(reviewer, 'GET', '/repos/website')
expect('the reviewer reads', read, '200')
assert.deepEqual(read.content, { repo: 'website', for: 'agent-code-reviewer-01' })
expect('the newcomer reads', await call(newcomer, 'GET', '/repos/website'), '403 insufficient_scope')

const draft = await call(reviewer, 'POST', '/repos/website/pulls')
expect('the reviewer opens a pull request: a draft', draft, '201')
assert.deepEqual(draft.content, { draft: true, used: ['pr:write:draft'] })
const opened = await call(releaser, 'POST', '/repos/website/pulls')
expect('the releaser opens a pull request', opened, '201')
assert.deepEqual(opened.content, { draft: false, used: ['pr:write'] })

const merged = await call(releaser, 'POST', '/repos/website/pulls/7/merge')
expect('the releaser merges into website', merged, '200')
assert.deepEqual(merged.content, { merged: '7', used: ['pr:merge', 'repo:website:push'] })
expect(
  'the releaser merges into payments',
  await call(releaser, 'POST', '/repos/payments/pulls/7/merge'),
  '403 insufficient_scope',
)
expect(
  'the reviewer merges into website',
  await call(reviewer, 'POST', '/repos/website/pulls/7/merge'),
  '403 insufficient_scope',
)

// A guard on a route stands behind the one that knows who calls.
const unsigned = await answerOf(await fetch(`${forge.origin}/repos/website`))
expect('somebody without a signature reads', unsigned, '401 credentials_missing')

await forge.close()

interface Registered {
  readonly agentId: string
  readonly privateKey: string
  readonly entry: Parameters<typeof staticKeys>[0][number]
}

function registered(agentId: string, capabilities: readonly string[]): Registered {
  const { privateKey, publicJwk } = generateAgentKey()
  return { agentId, privateKey, entry: { agentId, key: publicJwk, record: { capabilities } } }
}

interface Answer {
  readonly status: number
  readonly content: unknown
  readonly refusal: Awaited<ReturnType<typeof readRefusal>>
}

async function call({ agentId, privateKey }: Registered, method: string, path: string): Promise<Answer> {
  const agentFetch = createAgentFetch({ agentId, key: privateKey, origins: [forge.origin] })
  return answerOf(await agentFetch(forge.origin + path, { method }))
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, refusal: await readRefusal(response), content: await response.json() }
}

function expect(what: string, { status, refusal }: Answer, expected: string): void {
  const outcome = refusal === undefined ? String(status) : `${status} ${refusal.code}`
  assert.equal(outcome, expected, what)
  console.log(`${what.padEnd(44)} ${outcome}`)
}
