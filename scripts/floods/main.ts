// What good requests get while strangers flood: npm run floods [-- --only WORD] [--json FILE] [--before FILE] [--write FILE]
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createTestAgent, findProgram, startRedis } from '@countermark/testing'
import { createKeyRegistry } from '../../examples/demo/key-registry.ts'
import { type Outcome, runCourse } from './course.ts'
import { createKeyCourses } from './key-courses.ts'
import { nameOf, writeTable } from './table.ts'
import { createWorkCourses } from './work-courses.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    before: { type: 'string' },
    write: { type: 'string' },
  },
})
const AGENTS = 60

const agents = await Promise.all(
  Array.from({ length: AGENTS }, (_, index) => createTestAgent({ agentId: `agt_${index}` })),
)
const registry = await createKeyRegistry()
for (const { agentId, keyId, publishedJwk } of agents) registry.put(agentId, { keyId, jwk: publishedJwk })
const command = findProgram('redis-server')
const redis = command === undefined ? undefined : await startRedis({ command })
const outcomes: Outcome[] = []
try {
  const courses = [
    ...createKeyCourses({ registryUrl: registry.url, redisUrl: redis?.url, agents }),
    ...createWorkCourses(registry.url, agents),
  ]
  for (const course of courses) {
    if (options.only !== undefined && !nameOf(course).includes(options.only)) continue
    const outcome = await runCourse(course, agents, registry)
    outcomes.push(outcome)
    const { ends, good, sent, registryAsked } = outcome
    console.log(
      `${nameOf(course).padEnd(70)} ${good} good: ${JSON.stringify(ends)}; ${sent} hostile requests, registry asked ${registryAsked} times`,
    )
  }
} finally {
  await registry.close()
  await redis?.stop()
}
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(outcomes))
if (options.write !== undefined) {
  const earlier: readonly Outcome[] =
    options.before === undefined ? [] : JSON.parse(readFileSync(options.before, 'utf8'))
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  writeFileSync(options.write, writeTable(outcomes, new Map(earlier.map((each) => [nameOf(each), each])), commit))
}
process.exit(0)
