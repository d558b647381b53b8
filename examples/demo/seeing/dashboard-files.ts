import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What is read here of a dashboard as Grafana has it. */
export interface DashboardFile {
  readonly uid: string
  readonly title: string
  readonly panels: readonly PanelFile[]
}

/** A panel, or the heading of a row. */
export interface PanelFile {
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly instant?: boolean }[]
}

/** The folder of the installed package: what users get, not what this repository has. */
export const METRICS_FOLDER: string = dirname(
  createRequire(import.meta.url).resolve('@countermark/metrics/package.json'),
)

/** The dashboards as they are shipped. */
export function readDashboards(): readonly DashboardFile[] {
  const folder = join(METRICS_FOLDER, 'grafana/dashboards')
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

/** An expression as Prometheus gets it. Grafana fills in at least four scrapes as the interval. */
export function fillIn(expr: string, intervalSeconds: number): string {
  return expr
    .replaceAll('$__rate_interval', `${intervalSeconds}s`)
    .replaceAll('$__range', '5m')
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+')
}
