import { fillIn, readDashboards } from './dashboard-files.ts'
import type { StartedPrometheus } from './prometheus.ts'

/** Which panels show something. */
export interface PanelData {
  readonly panels: number
  readonly queries: number
  /** `dashboard: panel: query` of those that find no series at all. */
  readonly empty: readonly string[]
}

/** Asks a Prometheus every query of every panel of every dashboard. */
export async function readPanelData(prometheus: StartedPrometheus, intervalSeconds: number): Promise<PanelData> {
  const queries = readDashboards().flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        name: `${title}: ${panel.title}: ${expr}`,
        panel: panel.title,
        expr,
      })),
    ),
  )
  const empty: string[] = []
  for (const { name, expr } of queries) {
    const found = await prometheus.query(fillIn(expr, intervalSeconds))
    if (found.length === 0) empty.push(name)
  }
  return { panels: new Set(queries.map(({ panel }) => panel)).size, queries: queries.length, empty }
}
