import { Counter, Histogram, Registry } from 'prom-client'
import { openBook } from '../src/collector.ts'
import type { createMetricBook } from '../src/metric-book.ts'
import { renderMetrics } from '../src/render-metrics.ts'
import { observe } from '../src/series.ts'

/** 100 agents on 50 routes, and a histogram of 18 lines for 300 checks: 10,400 lines. */
const AGENTS = 100
const ROUTES = 50
const CHECKS = 300
const BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const ROUNDS = 21

type Touch = (share: number) => void

function createTheirs(): { readonly register: Registry; readonly touch: Touch } {
  const register = new Registry()
  const counter = new Counter({ name: 'c_total', help: 'c', labelNames: ['agent', 'route'], registers: [register] })
  const histogram = new Histogram({
    name: 'h',
    help: 'h',
    labelNames: ['check'],
    buckets: BUCKETS,
    registers: [register],
  })
  return {
    register,
    touch: (share) => {
      each(
        share,
        (agent, route) => counter.inc({ agent, route }),
        (check) => histogram.observe({ check }, 0.0003),
      )
    },
  }
}

function createOurs(): { readonly register: Registry; readonly touch: Touch } {
  const register = new Registry()
  const book: ReturnType<typeof createMetricBook> = openBook(register, 'x_', 20_000)
  const many = { atMost: 1_000 }
  const counter = book.describe({ name: 'c_total', kind: 'counter', help: 'c', labels: { agent: many, route: many } })
  const histogram = book.describe({
    name: 'h',
    kind: 'histogram',
    help: 'h',
    labels: { check: many },
    buckets: BUCKETS,
  })
  return {
    register,
    touch: (share) => {
      each(
        share,
        (agent, route) => {
          counter.series([agent, route]).value += 1
        },
        (check) => observe(histogram.series([check]), 0.0003),
      )
    },
  }
}

function each(share: number, count: (agent: string, route: string) => void, time: (check: string) => void): void {
  for (let agent = 0; agent < AGENTS * share; agent++) {
    for (let route = 0; route < ROUTES; route++) count(`agt_${agent}`, `/v1/things/:id/part${route}`)
  }
  for (let check = 0; check < CHECKS * share; check++) time(`check${check}`)
}

/** Nothing in it waits for anything outside: from call to answer the event loop does nothing else. CPU time, ms. */
async function timed(render: () => Promise<string>): Promise<number> {
  const begun = process.cpuUsage()
  await render()
  const { user, system } = process.cpuUsage(begun)
  return (user + system) / 1000
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}

const theirs = createTheirs()
const ours = createOurs()
for (const { touch } of [theirs, ours]) touch(1)
const lines = (await renderMetrics(ours.register))
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#')).length
console.log(
  `${lines} lines, ${(await theirs.register.metrics()).length} bytes; medians of ${ROUNDS} interleaved rounds, ms of CPU`,
)

for (const share of [0, 0.1, 1]) {
  const [prom, quick, asked]: number[][] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    theirs.touch(share)
    ours.touch(share)
    prom?.push(await timed(() => theirs.register.metrics()))
    quick?.push(await timed(() => renderMetrics(ours.register)))
    asked?.push(await timed(() => ours.register.metrics()))
  }
  const [p, q, a] = [prom, quick, asked].map((values) => median(values ?? [])) as [number, number, number]
  console.log(
    `${share * 100} % changed: prom-client ${p.toFixed(2)}, renderMetrics ${q.toFixed(2)} (${(q / p).toFixed(3)}), ours by register.metrics() ${a.toFixed(2)} (${(a / p).toFixed(3)})`,
  )
}
