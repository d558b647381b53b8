import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { type Course, seconds } from './course.ts'
import { SHORT_FOR, SHORT_WAIT } from './shortened-files.ts'

/** One scrape a second would be missed now and then on a machine that does much else. */
export const SCRAPE_EVERY_SECONDS = 2

/** What was shortened, for whoever reads the times. */
export const SHORTENED = `Expressions as shipped. Shortened for the drill: every \`for:\` to ${SHORT_FOR}, Alertmanager's \`group_wait\` and \`group_interval\` to ${SHORT_WAIT}; scraped and evaluated every ${SCRAPE_EVERY_SECONDS} s.`

/** The result as a page of docs/figures. */
export function writeReport(courses: readonly Course[], startedMs: number): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const date = new Date(startedMs).toISOString().slice(0, 10)
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, load ${loadavg()[0]?.toFixed(0)}`
  return `# Alert drill

${date}, commit ${commit}, Node ${process.version}, ${machine}. \`npm run drill\`: Express and Koa services with real Redis, a registry,
audit files, Prometheus and Alertmanager; each condition is brought about for real, and each alert is waited for at Alertmanager's
webhook.

${SHORTENED}

| alert | how it was brought about | fired after | reached | resolved after its end |
|---|---|---|---|---|
${courses.map(rowOf).join('\n')}

The whole drill took ${seconds(startedMs, Date.now())}. What looks back a minute or more needs that long to resolve.
`
}

function rowOf({ drill, receiver, broughtMs, firedMs, arrivedMs, endedMs, resolvedMs }: Course): string {
  const fired = firedMs === undefined ? 'did not' : seconds(broughtMs, firedMs)
  const reached = arrivedMs === undefined ? 'nobody' : `${receiver}, ${seconds(broughtMs, arrivedMs)}`
  const ended = endedMs === undefined || resolvedMs === undefined ? 'did not' : seconds(endedMs, resolvedMs)
  const resolved = 'lingers' in drill.ending ? `not waited for: ${drill.ending.lingers}` : ended
  return `| \`${drill.alert}\` | ${drill.how} | ${fired} | ${reached} | ${resolved} |`
}
