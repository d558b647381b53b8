// Every alert, for real: npm run drill [-- --write docs/figures/DATE-alert-drill.md]
import { writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type StartedPrometheus, startPrometheus } from '../../examples/demo/seeing/prometheus.ts'
import { ALERTS } from '../../packages/metrics/scripts/alerts/alerts.ts'
import { startAlertmanager } from './alertmanager.ts'
import { createAuditDrills } from './audit-drills.ts'
import { createCallerDrills } from './caller-drills.ts'
import { type Course, isOver, type Sight } from './course.ts'
import { createGuardDrills } from './guard-drills.ts'
import { createKeyDrills } from './key-drills.ts'
import { createRedisDrills } from './redis-drills.ts'
import { SCRAPE_EVERY_SECONDS, SHORTENED, writeReport } from './report.ts'
import { createRevocationDrill } from './revocation-drill.ts'
import { runDrills, startTraffic } from './run-drills.ts'
import { readShortened } from './shortened-files.ts'
import { createStage } from './stage.ts'
import { startWebhookReceiver } from './webhook-receiver.ts'

const DEADLINE_MS = 170_000
const SCRAPED_WITHIN_MS = 30_000

const { values: options } = parseArgs({ options: { write: { type: 'string' } } })
const startedMs = Date.now()
const tell = (alert: string, what: string): void =>
  console.log(`${String(Math.round((Date.now() - startedMs) / 1000)).padStart(4)} s  ${alert.padEnd(34)} ${what}`)

console.log(SHORTENED)
const stage = await createStage()
const sets = await Promise.all([
  ...[createCallerDrills, createRedisDrills, createKeyDrills, createAuditDrills, createGuardDrills].map((create) =>
    create(stage),
  ),
  createRevocationDrill(),
])
const drills = sets.flatMap((set) => set.drills)
const undrilled = ALERTS.filter(({ name }) => !drills.some(({ alert }) => alert === name))
const receiver = await startWebhookReceiver()
const files = readShortened(receiver.origin)
const alertmanager = await startAlertmanager(files.alertmanager)
const targets = [
  ...new Map(drills.map(({ service: { job, instance } }) => [job, { job, instances: [instance] }])).values(),
]
const prometheus = await startPrometheus(targets, {
  alerts: files.alerts,
  alertmanager: alertmanager.address,
  everySeconds: SCRAPE_EVERY_SECONDS,
})
if (prometheus === undefined) throw new Error('prometheus is not installed')
const traffic = startTraffic(drills)
let courses: readonly Course[] = []
try {
  await waitUntilScraped(prometheus)
  tell(`${drills.length} alerts`, 'are quiet; now everything happens at once')
  courses = await runDrills(drills, { look: () => look(prometheus), tell, deadlineMs: DEADLINE_MS })
} finally {
  await prometheus.stop()
  await alertmanager.stop()
  await traffic.stop()
  await Promise.all(sets.map((set) => set.close()))
  await Promise.all([receiver.close(), stage.close()])
}
for (const { name } of undrilled) tell(name, 'has no drill')
for (const course of courses.filter((one) => !isOver(one))) tell(course.drill.alert, lackOf(course))
const failed = undrilled.length + courses.filter((course) => !isOver(course)).length
console.log(`${courses.length} alerts drilled, ${failed} not as they should`)
if (options.write !== undefined) writeFileSync(options.write, writeReport(courses, startedMs))
process.exitCode = failed === 0 ? 0 : 1

async function look({ query }: StartedPrometheus): Promise<Sight> {
  const [alerts, up] = await Promise.all([query('ALERTS{alertstate="firing"}'), query('up == 1')])
  return {
    firing: new Set(alerts.map(({ labels }) => `${labels['alertname']} ${labels['job']}`)),
    up: new Set(up.map(({ labels }) => labels['job'] ?? '')),
    notices: receiver.notices(),
  }
}

/** Counters must have been seen at what they were before. */
async function waitUntilScraped({ query }: StartedPrometheus): Promise<void> {
  await wait(3000)
  const sinceMs = Date.now()
  while (Date.now() - sinceMs < SCRAPED_WITHIN_MS) {
    const scraped = await query(`up == 1 and timestamp(up) > ${sinceMs / 1000 + 1}`)
    if (scraped.length === targets.length) return
    await wait(500)
  }
  throw new Error('Prometheus has not scraped every service in time')
}

function lackOf({ drill, firedMs, arrivedMs, receiver: wanted }: Course): string {
  if (firedMs === undefined) return 'DID NOT FIRE'
  if (arrivedMs === undefined) return `DID NOT REACH ${wanted}`
  return `DID NOT RESOLVE: ${drill.how}`
}
