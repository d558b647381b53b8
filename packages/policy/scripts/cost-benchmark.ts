import { createRequire } from 'node:module'
import type { AgentFact, Check } from '@countermark/core'
import { aRequest, createTestEnvironment } from '@countermark/testing'
import { loadCedar } from '../src/cedar/cedar-module.ts'
import { cedar } from '../src/cedar.ts'
import { consultPolicy, type PolicyFunction } from '../src/index.ts'
import { opaWasm } from '../src/opa-wasm.ts'
import { bundleFiles, tarGz, WASM } from '../test/a-bundle.ts'

// CPU for each decision: a policy behind consultPolicy, the engine called bare with the same question, and a function.
// node --import tsx --conditions=@countermark/source packages/policy/scripts/cost-benchmark.ts [decisions]

const DECISIONS = Number(process.argv[2] ?? 4_000)
const ROUNDS = 9

const policies = `permit (principal == Agent::"agent-code-reviewer-01", action == Action::"pr.create", resource)
  when { principal.scope.contains("pr:write:draft") && resource.repo == "acme/api" };`
const schema = `entity Agent = { scope: Set<String>, level: String }; entity Repo = { repo: String };
  action "pr.create" appliesTo { principal: [Agent], resource: [Repo], context: { method: String } };`

const id = 'agent-code-reviewer-01'
const record = { id, state: 'active', capabilities: ['repo:read', 'pr:write:draft'] } as const
const agent: AgentFact = { id, level: 'signed', scheme: 'httpsig', record }
const request = aRequest({ method: 'POST', target: '/pulls' })
const environment = createTestEnvironment()
const route = { action: 'pr.create', resource: { type: 'Repo', id: 'acme/api', repo: 'acme/api' } }

const bareCedar = (): (() => unknown) => {
  const module = loadCedar()
  module.preparseSchema('bare', schema)
  module.preparsePolicySet('bare', { staticPolicies: { policy0: policies } })
  const principal = { type: 'Agent', id }
  const resource = { type: 'Repo', id: 'acme/api' }
  const entities = [
    { uid: principal, attrs: { scope: ['repo:read', 'pr:write:draft'], level: 'signed' }, parents: [] },
    { uid: resource, attrs: { repo: 'acme/api' }, parents: [] },
  ]
  const action = { type: 'Action', id: 'pr.create' }
  const names = { preparsedSchemaName: 'bare', preparsedPolicySetId: 'bare', validateRequest: true } as const
  return () =>
    module.statefulIsAuthorized({ principal, action, resource, context: { method: 'POST' }, entities, ...names })
}

const bareWasm = (): (() => unknown) => {
  const { loadPolicySync } = createRequire(import.meta.url)('@open-policy-agent/opa-wasm')
  const policy = loadPolicySync(WASM, { initial: 5, maximum: 512 })
  const input = {
    actor: { type: 'agent', id, level: 'signed', scheme: 'httpsig' },
    ...{ action: route.action, resource: route.resource, scope: record.capabilities },
    context: { method: 'POST', origin: 'https://api.example.com', path: '/pulls', time: '2026-01-01T00:00:00.000Z' },
  }
  return () => policy.evaluate(input, 'agent/authz/allow')
}

/** The module of the tests asks for a user, whom this caller has not: it denies, at the same cost. */
const behind = (check: Check<{ readonly agent: AgentFact }, object>) => (): unknown => {
  try {
    return check(request, { agent }, environment)
  } catch (error) {
    return error
  }
}

const always: PolicyFunction = () => true
const kept: PolicyFunction = () => ({ allow: true, cache_seconds: 3_600 })
const ways: Readonly<Record<string, () => unknown>> = {
  'a function behind consultPolicy': behind(consultPolicy(always, route)),
  'an answer that is remembered': behind(consultPolicy(kept, route)),
  'Open Policy Agent as WebAssembly, bare': bareWasm(),
  'Open Policy Agent as WebAssembly, behind consultPolicy': behind(
    consultPolicy(opaWasm({ bundle: tarGz(bundleFiles()), verification: 'unsigned' }), route),
  ),
  'Cedar, bare': bareCedar(),
  'Cedar, behind consultPolicy': behind(consultPolicy(cedar({ policies, schema }), route)),
}

const measured = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, way] of Object.entries(ways)) {
    const from = process.cpuUsage()
    for (let at = 0; at < DECISIONS; at++) way()
    const { user, system } = process.cpuUsage(from)
    // The first round warms up.
    if (round > 0) measured.get(name)?.push((user + system) / DECISIONS)
    environment.observer.clear()
  }
}
for (const [name, figures] of measured) {
  const middle = figures.sort((one, other) => one - other)[Math.floor(figures.length / 2)] ?? Number.NaN
  process.stdout.write(`${name.padEnd(58)} ${middle.toFixed(1)} µs\n`)
}
