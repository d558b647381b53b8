import { Registry } from 'prom-client'
import { prometheusMetrics, renderMetrics } from '../src/index.ts'
import { aDecision, anOutcome } from '../test/a-decision.ts'

const DECISIONS = 1_000_000
const register = new Registry()
const metrics = prometheusMetrics({ register })
const timings = ['verifySignature', 'preventReplay', 'verifyDelegation', 'requireCapability'].map((check) => ({
  check,
  durationMs: 0.1,
}))
const decision = aDecision({ agentId: 'agt_1', template: '/orders/:id', timings })
const outcome = anOutcome()
const measurement = { name: 'verifications_total', kind: 'counter', value: 1, labels: { mode: 'sync' } } as const
metrics.described({ checks: [], rows: [{ ...measurement, help: 'h', labels: { mode: ['sync', 'pool'] } }] })

function nanosecondsOf(run: (index: number) => void): number {
  const begun = process.cpuUsage()
  for (let index = 0; index < DECISIONS; index++) run(index)
  const { user, system } = process.cpuUsage(begun)
  return ((user + system) / DECISIONS) * 1e3
}

for (let round = 0; round < 3; round++) {
  const decided = nanosecondsOf(() => metrics.decided(decision))
  const finished = nanosecondsOf(() => metrics.finished(decision, outcome))
  const measured = nanosecondsOf(() => metrics.measured(measurement))
  console.log(
    `ns: decided ${decided.toFixed(0)}, finished ${finished.toFixed(0)}, one measurement ${measured.toFixed(0)}`,
  )
}

const before = (await renderMetrics(register)).split('\n').length
const refused = nanosecondsOf((index) => {
  const name = `x${index}`
  metrics.decided(
    aDecision({
      code: 'key_unknown',
      agentId: name,
      level: 'identified',
      path: `/${name}`,
      address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
    }),
  )
})
const text = await renderMetrics(register)
console.log(
  `${DECISIONS} refusals of invented ids, paths and addresses: ${refused.toFixed(0)} ns each with making them`,
)
console.log(
  `lines before ${before}, after ${text.split('\n').length}, ${text.length} bytes, heap ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB`,
)
