import { heading, say } from '../screen.ts'
import type { World } from '../world.ts'
import { verifyTamperedCopy, verifyTrails } from './audit-check.ts'
import { readMeasured } from './measured.ts'
import { NOT_ASKED, type PanelData, readPanelData } from './panel-data.ts'
import type { StartedPrometheus } from './prometheus.ts'

/** Shows what was measured and recorded. Gives what is not as it should be, a line each. */
export async function playFinale(world: World): Promise<readonly string[]> {
  heading('What was measured')
  await sayMeasured(world)
  const panels = world.prometheus === undefined ? noPrometheus() : await sayPanels(world.prometheus)
  heading('What was recorded')
  return [...panels, ...(await sayTrails(world))]
}

async function sayMeasured({ metricsUrls }: World): Promise<void> {
  const { decisions, refusals, guardSeconds, series } = await readMeasured(metricsUrls)
  const [allowed = 0, denied = 0] = ['allow', 'deny'].map((outcome) => decisions.get(outcome))
  say(`${allowed} decisions allowed, ${denied} refused, since the last start of each process`)
  say(
    `most refused: ${refusals
      .slice(0, 4)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ')}`,
  )
  say(
    `the checks of half the allowed requests took at most ${ms(guardSeconds.p50)}, those of 99 in 100 at most ${ms(guardSeconds.p99)}`,
  )
  say(`${series} series in ${metricsUrls.length} processes, whatever callers sent`)
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(seconds < 0.001 ? 2 : 1)} ms`
}

function noPrometheus(): readonly string[] {
  say('prometheus is not installed: dashboards and alerts are not shown')
  return []
}

const PATIENCE_MS = 15_000
const INTERVAL_SECONDS = 60

async function sayPanels(prometheus: StartedPrometheus): Promise<readonly string[]> {
  const deadline = performance.now() + PATIENCE_MS
  let data = await readPanelData(prometheus, INTERVAL_SECONDS)
  while (data.empty.length > 0 && performance.now() < deadline) data = await askAgain(prometheus)
  say(
    `${data.queries} queries of ${data.panels} panels on ${prometheus.url}: ${data.queries - data.empty.length} have data`,
  )
  say(`not asked: the panels of ${NOT_ASKED}, whose scenes run on guards of their own`)
  say(`alerts that fire: ${(await prometheus.firing()).join(', ')}`)
  return data.empty.map((query) => `no data: ${query}`)
}

/** A scrape later: what was counted just now is not there yet. */
async function askAgain(prometheus: StartedPrometheus): Promise<PanelData> {
  await new Promise((resolve) => setTimeout(resolve, 1000))
  return readPanelData(prometheus, INTERVAL_SECONDS)
}

async function sayTrails({ audit }: World): Promise<readonly string[]> {
  const trails = await verifyTrails(audit)
  for (const { name, report, anchored } of trails) {
    say(
      `${name}: ${report.records} records, ${report.chains.length} ${report.chains.length === 1 ? 'chain' : 'chains'}, ${anchored} records anchored, ${found(report.findingCount)}`,
    )
  }
  const tampered = await verifyTamperedCopy(audit, trails)
  const [finding] = tampered.findings
  say(
    `a copy from which one refusal was taken out: ${found(tampered.findingCount)}${finding === undefined ? '' : ` (${finding.message})`}`,
  )
  return [
    ...trails.filter(({ report }) => report.findingCount > 0).map(({ name }) => `${name} does not verify`),
    ...trails.filter(({ report }) => report.records === 0).map(({ name }) => `${name} is empty`),
    ...(tampered.findingCount === 0 ? ['the tampered copy verifies'] : []),
  ]
}

function found(count: number): string {
  return count === 0 ? 'nothing altered' : `TAMPERED: ${count} ${count === 1 ? 'finding' : 'findings'}`
}
