// What a decision costs and how long a scrape holds the event loop: `node --import tsx --conditions=@countermark/source
// packages/metrics/scripts/metrics-benchmark.ts [OTHER/src/index.ts …]`. Others, such as the sources of an earlier commit, run
// in turns with this version. CPU time, so that work beside it does not count.
import { resolve } from 'node:path'
import { Counter, Histogram, Registry } from 'prom-client'
import type { prometheusMetrics } from '../src/index.ts'
import { aDecision, anOutcome } from '../test/a-decision.ts'

interface Version {
  readonly prometheusMetrics: typeof prometheusMetrics
  readonly renderMetrics?: (register: Registry) => Promise<string>
}

/** One decision with its end, a number that makes decisions differ, and a scrape of what it left. */
interface Contestant {
  readonly name: string
  readonly decide: (index: number) => void
  readonly scrape: () => Promise<string>
}

const ROUNDS = 15
const DECISIONS = 50_000
const CHECKS = ['verifySignature', 'preventReplay', 'verifyDelegation', 'requireCapability']
/** 40 agents on 23 routes are 920 decisions and as many failures at 0; with the rest about 2,000 lines. */
const AGENTS = 40
const ROUTES = 23
const DURATIONS = Array.from({ length: 64 }, (_, index) => 0.03 * 1.1 ** index)
const MEASUREMENT = { name: 'verifications_total', kind: 'counter', value: 1, labels: { mode: 'sync' } } as const
const ROW = { ...MEASUREMENT, help: 'h', labels: { mode: ['sync', 'pool'] } } as const
/** What the packages behind four checks report of one request. */
const MEASUREMENTS = 8

function createContestant(name: string, version: Version): Contestant {
  const register = new Registry()
  const metrics = version.prometheusMetrics({ register })
  const adds = ['proof', 'replay', 'delegation', 'capability']
  metrics.described({ checks: CHECKS.map((check, index) => ({ name: check, adds: [adds[index] ?? ''] })), rows: [ROW] })
  const decisions = Array.from({ length: AGENTS * ROUTES }, (_, index) =>
    aDecision({
      agentId: `agt_${index % AGENTS}`,
      template: `/v1/things/:id/part${Math.floor(index / AGENTS)}`,
      timings: CHECKS.map((check, at) => ({ check, durationMs: DURATIONS[(index + at) % DURATIONS.length] ?? 0 })),
    }),
  )
  const outcome = anOutcome()
  return {
    name,
    decide: (index) => {
      const decision = decisions[index % decisions.length]
      if (decision === undefined) return
      metrics.decided(decision)
      for (let each = 0; each < MEASUREMENTS; each++) metrics.measured(MEASUREMENT)
      metrics.finished(decision, outcome)
    },
    scrape: () => version.renderMetrics?.(register) ?? register.metrics(),
  }
}

/** The same by bound children of prom-client alone, where the labels depend on no request. */
function createPlain(): Contestant {
  const register = new Registry()
  const registers = [register]
  const buckets = [...[5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01], ...[0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]]
  const durations = new Histogram({ name: 'd', help: 'h', labelNames: ['check'], buckets, registers })
  const whole = new Histogram({ name: 'w', help: 'h', labelNames: ['outcome'], buckets, registers }).labels('allow')
  const labelNames = ['check', 'outcome', 'code', 'route', 'agent']
  const decided = new Counter({ name: 'c_total', help: 'h', labelNames, registers })
  const failures = new Counter({ name: 'f_total', help: 'h', labelNames: ['agent', 'route'], registers })
  const measured = new Counter({ name: 'm_total', help: 'h', labelNames: ['mode'], registers }).labels('sync')
  const checks = CHECKS.map((check) => durations.labels(check))
  const pairs = Array.from({ length: AGENTS * ROUTES }, (_, index) => {
    const [agent, route] = [`agt_${index % AGENTS}`, `/v1/things/:id/part${Math.floor(index / AGENTS)}`]
    failures.inc({ agent, route }, 0)
    return decided.labels('requireCapability', 'allow', 'none', route, agent)
  })
  return {
    name: 'prom-client alone',
    decide: (index) => {
      for (let at = 0; at < checks.length; at++) checks[at]?.observe((DURATIONS[(index + at) % 64] ?? 0) / 1000)
      whole.observe((DURATIONS[index % 64] ?? 0) / 250)
      for (let each = 0; each < MEASUREMENTS; each++) measured.inc()
      pairs[index % pairs.length]?.inc()
    },
    scrape: () => register.metrics(),
  }
}

/** CPU time in microseconds. */
async function micros(run: () => unknown): Promise<number> {
  const begun = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(begun)
  return user + system
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}

const paths = ['packages/metrics/src/index.ts', ...process.argv.slice(2)]
const versions = await Promise.all(paths.map((path): Promise<Version> => import(resolve(path))))
const contestants = [...versions.map((version, index) => createContestant(paths[index] ?? '', version)), createPlain()]
const results = contestants.map((contestant) => ({
  contestant,
  decisions: [] as number[],
  scrapes: [] as number[],
  idle: [] as number[],
}))
for (let round = 0; round < ROUNDS; round++) {
  for (const { contestant, decisions, scrapes, idle } of results) {
    const { decide, scrape } = contestant
    decisions.push(
      (await micros(() => Array.from({ length: DECISIONS }).forEach((_, index) => void decide(index)))) / DECISIONS,
    )
    scrapes.push((await micros(scrape)) / 1000)
    idle.push((await micros(scrape)) / 1000)
  }
}
for (const { contestant, decisions, scrapes, idle } of results) {
  const lines = (await contestant.scrape()).split('\n').filter((line) => /^[a-z]/.test(line)).length
  const [decision = '', scrape = '', quiet = ''] = [decisions, scrapes, idle].map((values) => median(values).toFixed(2))
  console.log(`${contestant.name}: ${decision} µs a decision, ${lines} lines in ${scrape} ms, unchanged in ${quiet} ms`)
}
